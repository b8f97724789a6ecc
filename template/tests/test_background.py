"""Work that is done beside the requests."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from app import background

SOON = 0.001
"""Seconds between two turns."""


class Work:
    """Counts its turns; each ends as it is told to."""

    def __init__(self) -> None:
        self.turns = 0
        self.error: Exception | None = None
        self._turned = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._turned:
            self.turns += 1
            self._turned.notify_all()
        if self.error:
            raise self.error

    async def turn(self, count: int = 1) -> None:
        """Wait for so many turns from now on."""
        wanted = self.turns + count
        async with asyncio.timeout(10), self._turned:
            await self._turned.wait_for(lambda: self.turns >= wanted)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    work = Work()
    async with background.every(SOON, work, name="test"):
        yield work


async def test_it_is_done_again_and_again(work: Work) -> None:
    await work.turn(3)


async def test_it_waits_before_its_first_turn() -> None:
    work = Work()
    async with background.every(60, work, name="test"):
        await asyncio.sleep(0)

    assert work.turns == 0


async def test_replicas_drift_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 100:
            raise asyncio.CancelledError

    monkeypatch.setattr("app.background.asyncio.sleep", note)
    with pytest.raises(asyncio.CancelledError):
        await background._repeat(10, Work(), "test")

    assert 5 <= min(pauses) < 7 < 13 < max(pauses) <= 15


async def test_an_error_does_not_end_it(work: Work) -> None:
    work.error = RuntimeError("broken")
    await work.turn(3)

    work.error = None
    await work.turn(3)


async def test_an_error_is_logged_once_until_another_one_or_its_end(work: Work) -> None:
    with capture_logs() as logs:
        work.error = ConnectionError("away")
        await work.turn(4)
        work.error = RuntimeError("broken")
        await work.turn(4)
        work.error = None
        await work.turn(4)
        work.error = ConnectionError("away again")
        await work.turn(2)

    assert [log["event"] for log in logs] == [
        "background_work_failed",
        "background_work_failed",
        "background_work_recovered",
        "background_work_failed",
    ]
    assert {log["work"] for log in logs} == {"test"}


async def test_it_ends_with_the_block() -> None:
    started = asyncio.Event()
    ended = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with background.every(SOON, work, name="test"):
        await started.wait()

    assert ended.is_set()


async def test_the_end_does_not_wait_for_what_cant_be_cancelled() -> None:
    async with _stubborn() as started:
        begin = time.monotonic()
        async with background.every(SOON, started, name="test"):
            await started.turn()

        assert time.monotonic() - begin < 5


@asynccontextmanager
async def _stubborn() -> AsyncIterator[Work]:
    """Work that ignores its cancellation until the end of the block."""
    release = asyncio.Event()

    class Stubborn(Work):
        async def __call__(self) -> None:
            await super().__call__()
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

    yield Stubborn()
    release.set()
    await asyncio.sleep(0)
