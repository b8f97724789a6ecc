"""Logs every request."""

import time
from http import HTTPStatus

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.route_template import route_template

logger = structlog.get_logger("app.access")


class AccessLogMiddleware:
    """One line a request: method, path, route template, status, and duration in milliseconds.

    The query string is left out, since callers put all sorts of things there. The status is null
    where the client went away before the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = time.perf_counter()
        status: int | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            write = (
                logger.warning
                if status and status >= HTTPStatus.INTERNAL_SERVER_ERROR
                else logger.info
            )
            write(
                "request",
                method=scope["method"],
                path=scope["path"],
                route=route_template(scope),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
            )
