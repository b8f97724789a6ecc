"""A connection as uvicorn speaks it, with bounds on what uvicorn waits for without end."""

import asyncio
from typing import ClassVar, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http.request_id import new_request_id
from app.problems import HeadTooLargeError, MalformedRequestError, Problem, title

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a request's first line and headers together, give or take what arrives at once."""

logger = structlog.get_logger("app.protocol")


class HttpProtocol(HttpToolsProtocol):
    """Closes a connection on which the head of the next request is not there in time, however
    little of it, or however much of a body that nobody reads any more, arrives meanwhile.

    What never reaches the application is answered as everything else is: by a problem with a
    request id.
    """

    head_timeout: ClassVar[float] = 30
    """Seconds from the connection, or from the answer before."""

    _check: asyncio.TimerHandle
    _waiting_since: float | None = None
    _in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        self._check_in(self.head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        headers = self.headers
        super().data_received(data)
        if self._in_head and self.headers is headers:  # it began earlier, and goes on
            self._count_head(len(data))

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._waiting_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else another request was sent without waiting
            self._waiting_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        self._refuse("malformed_request", MalformedRequestError())

    def _check_in(self, seconds: float) -> None:
        self._check = self.loop.call_later(seconds, self._close_if_late)

    def _close_if_late(self) -> None:
        # One timer, set again when it is over, costs less than one for each request.
        since = self.loop.time() if self._waiting_since is None else self._waiting_since
        left = since + self.head_timeout - self.loop.time()
        if left > 0:
            self._check_in(left)
        else:
            self.transport.close()

    def _count_head(self, received: int) -> None:
        self._head_bytes += received
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse("head_too_large", HeadTooLargeError())

    def _refuse(self, event: str, problem: Problem) -> None:
        identifier = new_request_id()
        logger.info(event, request_id=identifier)
        response = problem.response(identifier)
        headers = [
            *self.server_state.default_headers,
            *response.raw_headers,
            (b"x-request-id", identifier.encode()),
            (b"connection", b"close"),
        ]
        status = f"HTTP/1.1 {response.status_code} {title(problem.status)}".encode()
        lines = [status, *(b": ".join(header) for header in headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + bytes(response.body))
        self.transport.close()


def with_head_timeout(seconds: float) -> type[HttpProtocol]:
    """The class with another bound: uvicorn makes the instances, and gives them none."""

    class BoundedHttpProtocol(HttpProtocol):
        head_timeout = seconds

    return BoundedHttpProtocol
