"""Bounds how much a request may send."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import PayloadTooLargeError, request_id


class BodyLimitMiddleware:
    """Answer 413 to a body over ``max_bytes``: at once where its length is declared, else as soon
    as more has arrived. What exceeds the limit is never held in memory.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        if _declared_length(scope) > self.max_bytes:
            response = PayloadTooLargeError().response(request_id(scope))
            await response(scope, receive, send)
            return

        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise PayloadTooLargeError
            return message

        await self.app(scope, receive_limited, send)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return _length(value)
    return 0


def _length(value: bytes) -> int:
    """The number; 0 where it is none, since the server refuses those or the body tells."""
    try:
        return int(value)
    except ValueError:
        return 0
