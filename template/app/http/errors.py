"""Turns whatever a request can run into, into a problem."""

from http import HTTPStatus
from typing import cast

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.db import UNAVAILABLE
from app.http.route_template import route_template
from app.problems import (
    FieldError,
    HttpProblem,
    InvalidJsonError,
    MethodNotAllowedError,
    NotFoundError,
    Problem,
    RequestTimeoutError,
    UnavailableError,
    ValidationFailedError,
    request_id,
)

logger = structlog.get_logger("app.errors")


def install(app: FastAPI) -> None:
    """Let every error be answered as a problem. Handlers are chosen by the nearest base class."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(asyncpg.QueryCanceledError, _canceled)
    for error in UNAVAILABLE:
        app.add_exception_handler(error, _unavailable)


async def _http(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and not isinstance(error, Problem):
        error = _framework_problem(request, error)
    return _answer(request, cast(Problem, error))


def _framework_problem(request: Request, error: HTTPException) -> Problem:
    """The problem that stands for an error which FastAPI or Starlette raises by itself."""
    match error.status_code:
        case HTTPStatus.BAD_REQUEST:
            return InvalidJsonError()
        case HTTPStatus.NOT_FOUND:
            return NotFoundError()
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowedError(headers={"Allow": _allowed(request)})
        case _:
            return HttpProblem(error)


def _allowed(request: Request) -> str:
    """Every method that the path answers to; Starlette names those of its first route alone."""
    operations = request.app.openapi()["paths"].get(route_template(request.scope), {"get": {}})
    methods = {method.upper() for method in operations}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


async def _validation(request: Request, error: Exception) -> Response:
    found = cast(RequestValidationError, error).errors()
    if any(item["type"] == "json_invalid" for item in found):
        return _answer(request, InvalidJsonError())
    errors = [
        FieldError(_field(item["loc"]), item["msg"].removeprefix("Value error, "), item["type"])
        for item in found
    ]
    return _answer(request, ValidationFailedError(errors=errors))


def _field(location: tuple[str | int, ...]) -> str:
    """``tags.0.name`` for a field of the body, ``limit`` for a query parameter."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


async def _canceled(request: Request, error: Exception) -> Response:
    logger.warning("query_canceled", error=str(error))
    return _answer(request, RequestTimeoutError())


async def _unavailable(request: Request, error: Exception) -> Response:
    logger.error("database_unavailable", error=str(error), kind=type(error).__name__)
    return _answer(request, UnavailableError())


def _answer(request: Request, problem: Problem) -> Response:
    return problem.response(request_id(request.scope))
