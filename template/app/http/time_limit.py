"""Bounds how long a request may take."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import RequestTimeoutError, request_id


class TimeLimitMiddleware:
    """Give a request up after ``seconds``, reading its body included, and answer 504.

    The handler is cancelled, and asyncpg cancels its query in PostgreSQL. A response that has
    already begun (a stream, say) is left to finish.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        limit = asyncio.timeout(self.seconds)

        async def send_unlimited(message: Message) -> None:
            if message["type"] == "http.response.start":
                limit.reschedule(None)
            await send(message)

        try:
            async with limit:
                await self.app(scope, receive, send_unlimited)
        except TimeoutError:
            if not limit.expired():
                raise
            response = RequestTimeoutError().response(request_id(scope))
            await response(scope, receive, send)
