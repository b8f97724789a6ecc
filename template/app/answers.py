"""The headers and links of answers, as OpenAPI describes them: for a route's ``responses``."""

from collections.abc import Mapping
from typing import Any, Final

RESPONSE_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Cache-Control": {
        "description": "Who may keep the answer, and for how long (RFC 9111, section 5.2).",
        "schema": {"type": "string", "examples": ["no-store"]},
    },
    "ETag": {
        "description": "This version, for If-Match and If-None-Match (RFC 9110, section 8.8.3).",
        "schema": {"type": "string", "pattern": '^"[^"]+"$', "examples": ['"6b86b273ff34fce1"']},
    },
    "Location": {
        "description": "The path of what has been created.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the request is worth repeating.",
        "schema": {"type": "integer", "minimum": 1, "examples": [1]},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate, and what was wrong with the token (RFC 6750).",
        "schema": {"type": "string", "pattern": "^Bearer", "examples": ["Bearer"]},
    },
    "X-Request-Id": {
        "description": "The request's name in the logs: the caller's own X-Request-Id where that is"
        " well-formed, else a new one.",
        "schema": {
            "type": "string",
            "pattern": "^[A-Za-z0-9._-]{1,128}$",
            "examples": ["0197a1c2e8f07b3c9d5e6f7a8b9c0d1e"],
        },
    },
}
"""Each is described once, and always there on the answers that refer to it."""


def references(*names: str) -> dict[str, dict[str, str]]:
    """The ``headers`` of a response that always has these."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def answer(
    status: int, *headers: str, links: Mapping[str, Mapping[str, str]] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Describe one of a route's answers: its headers, and what may be done next.

    ``links`` are operations, each with a body that comes of this one's, such as
    ``{"email": "$request.body#/email"}``.
    """
    described: dict[str, Any] = {"headers": references(*headers)}
    if links:
        described["links"] = {
            name: {"operationId": name, "requestBody": dict(body)} for name, body in links.items()
        }
    return {int(status): described}


def components() -> dict[str, dict[str, Any]]:
    """The headers as OpenAPI's ``components/headers``."""
    return {name: {**header, "required": True} for name, header in RESPONSE_HEADERS.items()}
