"""Whatever arrives on the service's socket is no reason for a 500, and leaves nothing behind."""

import asyncio
import json
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from httpx import AsyncClient

from app.settings import Settings
from tests.support.processes import environment_of, serving
from tests.support.waiting import until

REQUESTS: Final = 10_000
AT_ONCE: Final = 100
_POOLED: Final = 20
"""The most connections that two pools of ten may open meanwhile, and keep."""

_VALID: Final = [
    b"GET /api/v1/users/me HTTP/1.1\r\nHost: service\r\nAuthorization: Bearer a.b.c\r\n\r\n",
    b"GET /api/v1/users?limit=2&email=ada@example.com HTTP/1.1\r\nHost: service\r\n\r\n",
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
    b'Content-Length: 52\r\n\r\n{"email":"ada@example.com","password":"a password"}\n',
    b"POST /api/v1/auth/refresh HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n"
    b'Content-Type: application/json\r\n\r\n15\r\n{"refresh_token":"x"}\r\n0\r\n\r\n',
]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists open files there")
async def test_ten_thousand_requests_of_random_bytes_do_no_harm(settings: Settings) -> None:
    seed = random.SystemRandom().getrandbits(32)
    choose = random.Random(seed)  # noqa: S311 -- to be repeated, not to be secret
    requests = [_request(choose) for _ in range(REQUESTS)]
    async with serving(environment_of(settings)) as (service, url):
        files = Path(f"/proc/{service.pid}/fd")
        await _send(url, requests[:AT_ONCE])
        before = _count(files)

        answers = await _send(url, requests)

        statuses = Counter(answer[9:12].decode() for answer in answers)
        assert "500" not in statuses, (seed, statuses)
        assert {"", "400", "401"} <= statuses.keys(), (seed, statuses)
        await until(lambda: _at_most(files, before + _POOLED))
        async with AsyncClient(base_url=url) as client:
            assert (await client.get("/health")).status_code == 200
        service.signal(signal.SIGTERM)
        assert await service.exit_code() == 0
        records = [json.loads(line) for line in service.lines]
        errors = [record for record in records if record["level"] == "error"]
        assert not [error for error in errors if error["logger"].startswith(("app.", "asyncio"))]


def _request(choose: random.Random) -> bytes:
    """Random bytes, or a request that is right but for some bytes, or for its end."""
    request = bytearray(choose.choice(_VALID))
    match choose.randrange(4):
        case 0:
            return choose.randbytes(choose.randint(1, 500))
        case 1:
            del request[choose.randrange(len(request)) :]
        case _:
            for _ in range(choose.randint(1, 8)):
                request[choose.randrange(len(request))] = choose.randrange(256)
    return bytes(request)


async def _send(url: str, requests: list[bytes]) -> list[bytes]:
    """What the service answers to each, on a connection of its own; nothing where it waits for more
    of it, or has more to do.
    """
    address = urlsplit(url)
    answers = []
    async with AsyncClient(base_url=url, headers={"Connection": "close"}) as client:
        for start in range(0, len(requests), AT_ONCE):
            together = requests[start : start + AT_ONCE]
            connections = await asyncio.gather(
                *(asyncio.open_connection(address.hostname, address.port) for _ in together)
            )
            for (_, writer), request in zip(connections, together, strict=True):
                writer.write(request)
            # Once a later one has been answered, so have they, or won't be soon.
            assert (await client.get("/livez")).status_code == 200
            for reader, writer in connections:
                answers.append(await _arrived(reader))
                writer.transport.abort()
    return answers


async def _arrived(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(0):
            return await reader.read(4096)
    except (TimeoutError, ConnectionError):
        return b""


def _count(files: Path) -> int:
    return len(list(files.iterdir()))


async def _at_most(files: Path, count: int) -> bool:
    return _count(files) <= count
