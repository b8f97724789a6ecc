"""Logs and measures every request."""

import time
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.methods import known_method
from app.http.route_template import route_template
from app.ops.logging import EventLog
from app.ops.metrics import Metrics


class ObservationMiddleware:
    """One log line a request, and its time among the metrics.

    The line has the method, path, route template, status, and duration in milliseconds. The query
    string is left out, since callers put all sorts of things there. The status is null where the
    client went away before the answer.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.log = EventLog("app.access").log

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

        self.metrics.active_requests += 1
        try:
            await self.app(scope, receive, send_and_note)
        finally:
            seconds = time.perf_counter() - started
            route = route_template(scope)
            self.metrics.observe_request(known_method(scope), route, status, seconds)
            self.metrics.active_requests -= 1
            self._log(scope, route, status, seconds)

    def _log(self, scope: Scope, route: str | None, status: int | None, seconds: float) -> None:
        failed = status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self.log(
            "warning" if failed else "info",
            {
                "event": "request",
                "method": scope["method"],
                "path": scope["path"],
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
            },
        )
