"""Names every request."""

import re
import secrets
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

_WELL_FORMED: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestIdMiddleware:
    """Take the caller's ``X-Request-Id`` where it is well-formed, else make one.

    The id is in ``scope["request_id"]``, on every log line of the request and on its response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        identifier = _given(scope) or new_request_id()
        scope["request_id"] = identifier
        header = (b"x-request-id", identifier.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        bound = bind_contextvars(request_id=identifier)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            reset_contextvars(**bound)


def new_request_id() -> str:
    return secrets.token_hex(16)


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode("ascii") if _WELL_FORMED.fullmatch(value) else None
    return None
