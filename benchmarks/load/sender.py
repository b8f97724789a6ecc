"""Requests at a fixed rate, whatever becomes of them: a plan as JSON on standard input.

The time of a request counts from when it should have been sent. Where the server, or this program,
lags behind, all that wait meanwhile take longer: nothing is left out (no coordinated omission).
Beside them some clients may ask one request over and over. Prints what was measured as JSON.
"""

import asyncio
import json
import math
import random
import selectors
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

CONNECTIONS: Final = 64
SEED: Final = 7
"""Of the order in which kinds of requests are sent: the same for all who are compared."""
PATIENCE: Final = 30
"""Seconds after the last request for answers to come."""


@dataclass(slots=True)
class Outcome:
    """What became of one kind of request."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    longest_wait: float = 0
    """Of the requests that had no answer yet at the end."""

    def as_json(self) -> dict[str, float]:
        ordered = sorted(self.seconds)
        found = {name: 1e3 * percentile(ordered, share) for name, share in PERCENTILES.items()}
        most = 1e3 * max([self.longest_wait, *ordered[-1:]])
        return {**found, "most": most, "count": len(ordered), "failed": self.failed}


PERCENTILES: Final = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least value that ``share`` of all don't exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


class Connection:
    """One connection, kept alive, with one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> bool:
        """Send a request and read all of the answer. Whether it was a success."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        await self._reader.readexactly(length(head))
        return head[9:10] == b"2"

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def length(head: bytes) -> int:
    """What Content-Length says."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if not found:
        raise ValueError("an answer without Content-Length")
    return int(rest.partition(b"\r\n")[0])


class Load:
    """A fixed rate of requests on a few connections, and clients beside."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        address = urlsplit(plan["url"])
        self._host, self._port = address.hostname or "", address.port or 80
        self._kinds = {name: encoded(address.netloc, one) for name, one in plan["kinds"].items()}
        self._shares = plan["shares"]
        self._rate = plan["rate"]
        self._seconds = plan["seconds"]
        self._beside = plan.get("beside", {})
        self._outcomes = {name: Outcome() for name in self._kinds}
        self._opened: list[Connection] = []
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        self._now: Callable[[], float]

    async def run(self) -> dict[str, Any]:
        """Send all that the plan says. Returns what was measured."""
        self._now = asyncio.get_running_loop().time
        for _ in range(CONNECTIONS if self._shares else 0):
            self._free.put_nowait(await self._connect())
        clients = [
            asyncio.create_task(self._again_and_again(kind))
            for kind, number in self._beside.items()
            for _ in range(number)
        ]
        await self._at_the_rate()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for connection in self._opened:
            await connection.close()
        return {name: outcome.as_json() for name, outcome in self._outcomes.items()}

    async def _at_the_rate(self) -> None:
        chance = random.Random(SEED)  # noqa: S311 - nothing secret
        names, weights = list(self._shares), list(self._shares.values())
        started = self._now()
        total = round(self._rate * self._seconds)
        kinds = chance.choices(names, weights, k=total) if names else []
        async with asyncio.timeout(self._seconds + PATIENCE), asyncio.TaskGroup() as sent:
            for number, kind in enumerate(kinds):
                due = started + number / self._rate
                if due > self._now():
                    await asyncio.sleep(due - self._now())
                sent.create_task(self._once(kind, due))
            await asyncio.sleep(started + self._seconds - self._now())

    async def _once(self, kind: str, due: float) -> None:
        connection = await self._free.get()
        await self._ask(connection, kind, due)
        self._free.put_nowait(connection)

    async def _again_and_again(self, kind: str) -> None:
        connection = await self._connect()
        outcome = self._outcomes[kind]
        while True:
            asked = self._now()
            try:
                await self._ask(connection, kind, asked)
            except asyncio.CancelledError:
                outcome.longest_wait = max(outcome.longest_wait, self._now() - asked)
                raise

    async def _ask(self, connection: Connection, kind: str, due: float) -> None:
        succeeded = await connection.ask(self._kinds[kind])
        self._outcomes[kind].seconds.append(self._now() - due)
        self._outcomes[kind].failed += not succeeded

    async def _connect(self) -> Connection:
        connection = Connection(*await asyncio.open_connection(self._host, self._port))
        self._opened.append(connection)
        return connection


def encoded(host: str, request: Mapping[str, Any]) -> bytes:
    """A request as it is sent."""
    body = request["body"] or ""
    headers = {"Host": host, **request["headers"]}
    if body:
        headers["Content-Length"] = str(len(body))
    method = "POST" if body else "GET"
    lines = [f"{method} {request['path']} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run on a loop that wakes up in time: epoll(7) knows but whole milliseconds."""
    with asyncio.Runner(
        loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())
    ) as runner:
        return runner.run(work)


if __name__ == "__main__":
    print(json.dumps(run(Load(json.load(sys.stdin)).run())))
