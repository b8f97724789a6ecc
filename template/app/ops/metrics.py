"""What Prometheus reads: requests, database connections, password hashing, the process.

Names, labels and buckets are those of OpenTelemetry's semantic conventions for HTTP servers and
database clients, in the form that Prometheus gives them, so that dashboards made for either serve.
"""

import socket
import socketserver
import threading
from http.server import ThreadingHTTPServer
from typing import Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Histogram,
    MetricsHandler,
    PlatformCollector,
    ProcessCollector,
)

from app import about
from app.auth.passwords import Passwords
from app.auth.rate_limits import RateLimits
from app.db import Database

logger = structlog.get_logger("app.metrics")

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""In seconds."""


class Metrics:
    """The metrics of one application. Nothing is global: those of two in a process don't mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        build = self._gauge("app_build_info", "Which release runs; always 1.", "version")
        build.labels(about.VERSION).set(1)
        self.active_requests = 0
        active = self._gauge("http_server_active_requests", "Requests in flight.")
        active.set_function(lambda: self.active_requests)
        self._request_duration = Histogram(
            "http_server_request_duration_seconds",
            "Time to answer a request. No status: the client went away before the answer.",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        # To look one up by its labels costs more than to observe.
        self._of_request: dict[tuple[str, str | None, int | None], Histogram] = {}
        self._connections = self._gauge(
            "db_client_connection_count", "The pool's connections.", "db_client_connection_state"
        )
        self._most_connections = self._gauge(
            "db_client_connection_max", "Connections that the pool may open."
        )
        self._waiting_for_connection = self._gauge(
            "db_client_connection_pending_requests", "Queries waiting for a connection."
        )
        self._hashing = self._gauge(
            "password_hashing_active", "Passwords that are being hashed or verified."
        )
        self._waiting_for_hashing = self._gauge(
            "password_hashing_waiting", "Passwords waiting to be hashed or verified."
        )
        self._rate_limits_degraded = self._gauge(
            "rate_limits_degraded",
            "1 while attempts are counted in the process though their store is to be shared.",
        )

    def watch(self, database: Database, passwords: Passwords, rate_limits: RateLimits) -> None:
        """Read, at each scrape, how busy these are."""
        pool = database.pool
        self._connections.labels("idle").set_function(lambda: pool.idle)
        self._connections.labels("used").set_function(lambda: pool.used)
        self._most_connections.set(pool.max_size)
        self._waiting_for_connection.set_function(lambda: pool.waiting)
        self._hashing.set_function(lambda: passwords.active)
        self._waiting_for_hashing.set_function(lambda: passwords.waiting)
        self._rate_limits_degraded.set_function(lambda: rate_limits.degraded)

    def observe_request(
        self, method: str, route: str | None, status: int | None, seconds: float
    ) -> None:
        """Count an answer. Each new value makes a time series: no path for ``route``, say."""
        histogram = self._of_request.get((method, route, status))
        if histogram is None:
            histogram = self._request_duration.labels(method, route or "", status or "")
            self._of_request[method, route, status] = histogram
        histogram.observe(seconds)

    def serve(self, host: str, port: int) -> None:
        """Answer Prometheus until the process ends, in a thread: a scrape holds up no request.

        A port that is taken keeps the service from no work: that is logged, and shows in Prometheus
        as a target that is down.
        """
        try:
            server = _Server(host, port, _Handler.factory(self._registry))
        except OSError as error:
            logger.error("metrics_not_served", port=port, reason=error.strerror, see="METRICS_PORT")
            return
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        logger.info("metrics_served", url=f"http://{host}:{server.server_port}/metrics")

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(name, documentation, labels, registry=self._registry)


class _Handler(MetricsHandler):
    timeout = 10  # an idle connection holds a thread


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, handler: type[_Handler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        # Without the standard one's look-up of the host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
