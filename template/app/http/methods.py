"""Which method a request has, in words of which there are few."""

from typing import Final

from starlette.types import Scope

_KNOWN: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)


def known_method(scope: Scope) -> str:
    """The method, or ``_OTHER``: callers may make methods up, and metrics are grouped by them."""
    method: str = scope["method"]
    return method if method in _KNOWN else "_OTHER"
