"""Clients that send without end, or next to nothing, are left; others are served meanwhile."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from itertools import repeat
from typing import Final
from urllib.parse import urlsplit

import pytest
from httpx import AsyncClient

from app.settings import Settings
from tests.support.processes import environment_of, serving

_PATIENCE: Final = 30
"""Seconds after which a connection is not going to be closed."""
_PAUSE: Final = 0.02
"""Seconds that a slow client lets pass between the little that it sends."""

_WHOLE: Final = b"GET /livez HTTP/1.1\r\nHost: service\r\n\r\n"
_HEAD: Final = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
)
_SIZED: Final = _HEAD + b"Content-Length: 1000000\r\n\r\n"
_CHUNKED: Final = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_CHUNK: Final = b"400\r\n" + b" " * 1024 + b"\r\n"


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    """A service that gives a request little time."""
    hasty = settings.model_copy(update={"request_timeout": 0.5})
    async with serving(environment_of(hasty)) as (_, url):
        yield url


async def test_a_head_without_end_ends_the_connection(url: str) -> None:
    silent, trickling, second, blank, endless = await _while_others_are_served(
        url,
        _send(url, b""),
        _send(url, _HEAD, b"X-Trickle: 1\r\n", pause=_PAUSE),
        _send(url, _WHOLE + _HEAD, b"X-Trickle: 1\r\n", pause=_PAUSE),
        _send(url, _WHOLE, b"\r\n", pause=_PAUSE),
        _send(url, _HEAD + b"X-Endless: ", b"x" * 1024),
    )

    assert silent == trickling == b""
    assert _statuses(second) == _statuses(blank) == [200]
    assert _statuses(endless) == [431]
    assert b'"code":"head_too_large"' in endless


async def test_a_body_without_end_ends_the_connection(url: str) -> None:
    trickling, endless, unread = await _while_others_are_served(
        url,
        _send(url, _SIZED, b" ", pause=_PAUSE),
        _send(url, _CHUNKED, _CHUNK),
        _send(url, _CHUNKED.replace(b"POST /api/v1/auth/login", b"GET /livez"), _CHUNK),
    )

    assert _statuses(trickling) == [504]
    assert _statuses(endless) == [413]
    assert _statuses(unread) == [200]


async def _send(url: str, first: bytes, then: bytes = b"", *, pause: float = 0) -> bytes:
    """What the service answers until it closes the connection, to ``first`` and, from then on, to
    ``then`` again and again.
    """
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    # Not a stream, which forgets what it has received once it can't send any more.
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, (address.hostname, address.port))
        await loop.sock_sendall(connection, first)
        sending = asyncio.create_task(_send_again_and_again(connection, then, pause))
        try:
            async with asyncio.timeout(_PATIENCE):
                return await _receive(connection)
        finally:
            sending.cancel()
            await asyncio.wait({sending})


async def _send_again_and_again(connection: socket.socket, what: bytes, pause: float) -> None:
    with suppress(ConnectionError):
        for piece in repeat(what) if what else ():
            await asyncio.get_running_loop().sock_sendall(connection, piece)
            await asyncio.sleep(pause)


async def _receive(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):
        while piece := await asyncio.get_running_loop().sock_recv(connection, 65536):
            received += piece
    return received


async def _while_others_are_served(url: str, *clients: Coroutine[None, None, bytes]) -> list[bytes]:
    """What each of the clients is answered."""
    answers = asyncio.gather(*clients)
    async with AsyncClient(base_url=url) as client:
        while not answers.done():
            assert (await client.get("/livez")).status_code == 200
            await asyncio.sleep(_PAUSE)
    return await answers


def _statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"^HTTP/1.1 (\d+)", answers, re.MULTILINE)]
