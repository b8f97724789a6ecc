"""Makes the OpenAPI description tell the truth about errors."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.problems import (
    MEDIA_TYPE,
    InternalError,
    InvalidJsonError,
    PayloadTooLargeError,
    Problem,
    ProblemDetails,
    RequestTimeoutError,
    UnavailableError,
    ValidationFailedError,
    ValidationProblemDetails,
    problem_responses,
)

_ANYWHERE: Final = (InternalError, UnavailableError, RequestTimeoutError)
_WITH_BODY: Final = (InvalidJsonError, PayloadTooLargeError)


def install(app: FastAPI) -> None:
    """Describe, for every operation, the problems that no route declares for itself."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's way of extending it


def _described(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = schema["components"]["schemas"]
    for model in (ProblemDetails, ValidationProblemDetails):
        definition = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(definition.pop("$defs", {}))
        schemas[model.__name__] = definition
    # FastAPI's own form of validation errors, which is never answered.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for operation in _operations(schema):
        _add_common_problems(operation)
    return schema


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        yield from path.values()


def _add_common_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    problems: list[type[Problem]] = list(_ANYWHERE)
    if "requestBody" in operation:
        problems.extend(_WITH_BODY)
    if responses.pop("422", None):
        problems.append(ValidationFailedError)
    for status, response in problem_responses(*problems).items():
        declared = responses.setdefault(str(status), response)
        if MEDIA_TYPE in declared.get("content", {}):
            examples = response["content"][MEDIA_TYPE]["examples"]
            declared["content"][MEDIA_TYPE]["examples"] |= examples
