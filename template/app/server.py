"""Runs the service with uvicorn, and stops it without dropping a request."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

import structlog
import uvicorn.config
import uvicorn.server
from fastapi import FastAPI

from app import resources
from app.http import protocol
from app.ops import memory, telemetry
from app.ops.metrics import Metrics
from app.settings import Settings

logger = structlog.get_logger("app.server")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_LINGER: Final = 0.5
"""Seconds for which connections that are idle when the listener closes stay open: a request may be
on its way already."""
_POLL: Final = 0.02
_UVICORN_PAUSE: Final = 0.1
"""Seconds that uvicorn's shutdown lets pass before its time-out begins."""


def serve(app: FastAPI, settings: Settings, *, host: str, port: int) -> int:
    """Serve until a signal says to stop. Returns the exit code: 0 where nothing was cut off.

    Raises `app.db.DatabaseUnavailableError` where the database can't be reached at the start.
    """
    config = uvicorn.config.Config(
        app,
        host=host,
        port=port,
        http=protocol.with_head_timeout(settings.request_timeout),
        lifespan="off",  # Server runs it, to let its errors reach the caller
        log_config=None,
        access_log=False,  # ObservationMiddleware writes it
        server_header=False,
        proxy_headers=False,  # TRUSTED_PROXIES says whom to believe
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
    memory.share_between_threads()
    metrics: Metrics = app.state.metrics
    metrics.serve(settings.metrics_host or host, settings.metrics_port)
    server = Server(config, app, delay=settings.shutdown_delay)
    try:
        with telemetry.exporting():
            server.run()
    except SystemExit:
        return 1  # The address is taken, say: uvicorn has logged it, and has a code of its own.
    return 1 if server.cut else 0


class Server(uvicorn.server.Server):
    """uvicorn, with a stop that others can see coming and an end that tells the truth.

    On SIGTERM or Ctrl-C ``/health`` turns 503 at once. After ``delay`` seconds, in which a load
    balancer may notice, the listener closes; what is in flight is finished within the time-out.
    From the signal on each answer says that it is its connection's last, so that no caller sends a
    request on one that is being closed. A second signal stops at once.
    """

    def __init__(self, config: uvicorn.config.Config, app: FastAPI, *, delay: float) -> None:
        super().__init__(config)
        self._app = app
        self._delay = delay
        self._close_at: float | None = None
        self.cut = 0
        """Requests that were cancelled because the time to finish them was over."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        with self.capture_signals():
            async with self._app.router.lifespan_context(self._app):
                memory.settle()
                await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._close_at is not None:
            self.should_exit = True
            self.force_exit = True
            return
        resources.stop(self._app)
        self._announce_the_end()
        self._close_at = time.monotonic() + self._delay

    async def on_tick(self, counter: int) -> bool:
        if self._close_at is not None and time.monotonic() >= self._close_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        await self._linger()
        timeout = self.config.timeout_graceful_shutdown or 0
        note = asyncio.get_running_loop().call_later(timeout + _UVICORN_PAUSE, self._note_cut)
        await super().shutdown(sockets)
        note.cancel()
        if self.force_exit:
            self._note_cut()
            for task in self.server_state.tasks:
                task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again after its stop, which would hide the exit code.
        previous = {name: signal.signal(name, self.handle_exit) for name in _SIGNALS}
        try:
            yield
        finally:
            for name, handler in previous.items():
                signal.signal(name, handler)

    def _announce_the_end(self) -> None:
        """Let each answer say ``Connection: close`` (RFC 9112, section 9.6)."""
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)  # which uvicorn reads once a second
        self.server_state.default_headers = [*self.server_state.default_headers, close]

    async def _linger(self) -> None:
        until = time.monotonic() + _LINGER
        while self.server_state.connections and not self.force_exit:
            if time.monotonic() > until:
                return
            await asyncio.sleep(_POLL)

    def _note_cut(self) -> None:
        self.cut = len(self.server_state.tasks)
        if self.cut:
            logger.error("requests_cut", count=self.cut)
