"""Answers what nobody foresaw."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import InternalError, request_id

logger = structlog.get_logger("app.unforeseen")


class UnforeseenErrorMiddleware:
    """Answer an exception that no handler knows with a 500: the detail goes to the log alone.

    Where the response has begun there is no taking it back: the exception goes on to the server,
    which cuts the connection, so that the client can't take half an answer for a whole one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        began = False

        async def send_and_note(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            logger.exception("unforeseen_error")
            if began:
                raise
            response = InternalError().response(request_id(scope))
            await response(scope, receive, send)
