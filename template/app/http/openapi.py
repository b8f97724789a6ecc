"""Makes the OpenAPI description tell the truth about every answer."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app import answers
from app.http.examples import Examples
from app.problems import (
    MEDIA_TYPE,
    InternalError,
    InvalidJsonError,
    PayloadTooLargeError,
    Problem,
    ProblemDetails,
    ValidationFailedError,
    ValidationProblemDetails,
    problem_responses,
)

_WITH_BODY: Final = (InvalidJsonError, PayloadTooLargeError)
_JSON: Final = "application/json"


def install(app: FastAPI) -> None:
    """Describe, for every operation, what no route declares for itself."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's way of extending it


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: a client that is made from the description has functions of
    the same names. A second route of the same name is warned of.
    """
    return route.name


def _described(app: FastAPI) -> dict[str, Any]:
    description = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = description["components"]["schemas"]
    for model in (ProblemDetails, ValidationProblemDetails):
        definition = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(definition.pop("$defs", {}))
        schemas[model.__name__] = definition
    # FastAPI's own form of validation errors, which is never answered.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    description["components"]["headers"] = answers.components()
    examples = Examples(schemas)
    for operation in _operations(description):
        _add_common_problems(operation)
        _add_request_id(operation)
        _add_examples(operation, examples)
    return description


def _operations(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in description["paths"].values():
        yield from path.values()


def _add_common_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    problems: list[type[Problem]] = [InternalError]
    if "requestBody" in operation:
        problems.extend(_WITH_BODY)
    if responses.pop("422", None):
        problems.append(ValidationFailedError)
    for status, response in problem_responses(*problems).items():
        declared = responses.setdefault(str(status), response)
        if MEDIA_TYPE in declared.get("content", {}):
            examples = response["content"][MEDIA_TYPE]["examples"]
            declared["content"][MEDIA_TYPE]["examples"] |= examples


def _add_request_id(operation: dict[str, Any]) -> None:
    for response in operation["responses"].values():
        response.setdefault("headers", {}).update(answers.references("X-Request-Id"))


def _add_examples(operation: dict[str, Any], examples: Examples) -> None:
    for described in (operation.get("requestBody", {}), *operation["responses"].values()):
        content = described.get("content", {}).get(_JSON)
        if content and (example := examples.of(content["schema"])) is not None:
            content.setdefault("example", example)
