"""Measures every request."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.methods import known_method
from app.http.route_template import route_template
from app.ops.metrics import Metrics


class RequestMetricsMiddleware:
    """How many requests are in flight, and how long each took, by method, route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

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

        self.metrics.active_requests.inc()
        try:
            await self.app(scope, receive, send_and_note)
        finally:
            self.metrics.observe_request(
                known_method(scope), route_template(scope), status, time.perf_counter() - started
            )
            self.metrics.active_requests.dec()
