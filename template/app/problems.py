"""The one error type: raised anywhere, answered as RFC 9457 problem details.

A domain's errors are subclasses that live beside its routes; the ones that any route may answer
stand here. A route names those it raises: ``responses=problem_responses(NotFoundError, …)``.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Scope

from app import answers

MEDIA_TYPE: Final = "application/problem+json"

_HEADERS: Final = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
"""What a problem of that status always tells its caller."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request; never the value that was sent."""

    field: str
    message: str
    type: str


class Problem(HTTPException):
    """An error that becomes the answer. Subclasses set ``status``, ``code`` and a detail."""

    status: HTTPStatus
    code: str
    """Stable and machine-readable: clients branch on it."""
    default_detail: str

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        super().__init__(
            int(self.status), detail or self.default_detail, dict(headers) if headers else None
        )
        self.errors = errors

    def response(self, request_id: str) -> JSONResponse:
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": title(self.status),
            "status": self.status_code,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        if self.errors is not None:
            content["errors"] = [asdict(error) for error in self.errors]
        return JSONResponse(content, self.status_code, self.headers, media_type=MEDIA_TYPE)


class MalformedRequestError(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "malformed_request"
    default_detail = "The request is not valid HTTP."


class InvalidJsonError(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "invalid_json"
    default_detail = "The body is not valid JSON."


class ForbiddenError(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    default_detail = "You may not do this."


class NotFoundError(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    default_detail = "There is nothing here."


class MethodNotAllowedError(Problem):
    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    default_detail = "This path does not answer to that method."


class PreconditionFailedError(Problem):
    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"
    default_detail = "It has changed since you read it: read it again, then decide."


class PayloadTooLargeError(Problem):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"
    default_detail = "The body is larger than this service accepts."


class ValidationFailedError(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "validation_error"
    default_detail = "The request does not have the expected shape: see errors."


class HeadTooLargeError(Problem):
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    code = "head_too_large"
    default_detail = "The address and the headers are larger than this service accepts."


class InternalError(Problem):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"
    default_detail = "Something went wrong here. Quote the request_id when you report it."


class UnavailableError(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    default_detail = "The service can't answer right now. Try again shortly."

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class RequestTimeoutError(Problem):
    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "timeout"
    default_detail = "The answer took too long and was given up."


class HttpProblem(Problem):
    """The problem for an `HTTPException` that is none: a library's, or a hasty handler's."""

    def __init__(self, error: StarletteHTTPException) -> None:
        self.status = HTTPStatus(error.status_code)
        self.code = self.status.name.lower()
        super().__init__(error.detail, headers=error.headers)


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(
        description="Stable and machine-readable: each answer's examples name those it may have."
    )
    request_id: str = Field(description="As in the header X-Request-Id.")


class ValidationProblemDetails(ProblemDetails):
    """Problem details with what is wrong, field by field."""

    errors: list[FieldError]


def title(status: HTTPStatus) -> str:
    """The name that RFC 9110 gives the status; Python before 3.13 has older ones for two."""
    return _TITLES.get(status, status.phrase)


_TITLES: Final[dict[int, str]] = {413: "Content Too Large", 422: "Unprocessable Content"}


def request_id(scope: Scope) -> str:
    """The id of the request, as `RequestIdMiddleware` has set it."""
    identifier: str = scope["request_id"]
    return identifier


def problem_responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that a route answers, for its OpenAPI ``responses``."""
    described: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        entry = described.setdefault(int(problem.status), _response(problem))
        entry["content"][MEDIA_TYPE]["examples"][problem.code] = {"value": _example(problem)}
    return described


def _response(problem: type[Problem]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": title(problem.status),
        "content": {MEDIA_TYPE: {"schema": _schema(problem), "examples": {}}},
    }
    if problem.status in _HEADERS:
        response["headers"] = answers.references(_HEADERS[problem.status])
    return response


def _schema(problem: type[Problem]) -> dict[str, str]:
    validation = issubclass(problem, ValidationFailedError)
    model = ValidationProblemDetails if validation else ProblemDetails
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _example(problem: type[Problem]) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": title(problem.status),
        "status": int(problem.status),
        "detail": problem.default_detail,
        "code": problem.code,
        "request_id": "0197a1c2e8f07b3c9d5e6f7a8b9c0d1e",
    }
    if issubclass(problem, ValidationFailedError):
        missing = FieldError(field="name", message="Field required", type="missing")
        example["errors"] = [asdict(missing)]
    return example
