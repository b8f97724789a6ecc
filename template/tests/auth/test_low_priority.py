"""Threads of low priority: what they have of the processor."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from app.auth.low_priority import LowPriorityThreads
from tests.support.waiting import until

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="priority is a thread's own on Linux")


@pytest.fixture
def threads() -> Iterator[LowPriorityThreads]:
    threads = LowPriorityThreads(1, "test")
    yield threads
    threads.close()


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the event loop has rested, each time."""
    rests: list[float] = []
    monkeypatch.setattr("app.auth.low_priority.time.sleep", rests.append)
    return rests


async def test_work_is_done_elsewhere(threads: LowPriorityThreads) -> None:
    assert (await threads.run(lambda: threading.current_thread().name)).startswith("test")


async def test_what_work_raises_is_raised(threads: LowPriorityThreads) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await threads.run(lambda: int("one"))


@ON_LINUX
async def test_everybody_else_goes_first(threads: LowPriorityThreads) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await threads.run(priority) == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


@ON_LINUX
async def test_the_event_loop_rests_where_they_get_nothing(
    threads: LowPriorityThreads, rests: list[float]
) -> None:
    go_on = threading.Event()
    working = asyncio.create_task(threads.run(go_on.wait))  # takes no processor time

    async def rested() -> bool:
        return len(rests) >= 5

    await until(rested)
    go_on.set()
    await working

    assert all(0 < rest <= 0.02 / 12 for rest in rests), rests


@ON_LINUX
async def test_the_event_loop_does_not_rest_where_they_have_their_share(
    threads: LowPriorityThreads, rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    looks: list[float] = []

    def all_of_a_processor(_clock: int) -> float:
        looks.append(time.monotonic())
        return looks[-1]

    await threads.run(lambda: None)  # has a thread begin
    rests.clear()
    monkeypatch.setattr("app.auth.low_priority.time.clock_gettime", all_of_a_processor)
    working = asyncio.create_task(threads.run(go_on.wait))

    async def looked() -> bool:
        return len(looks) >= 10

    await until(looked)
    go_on.set()
    await working

    assert rests == []


@ON_LINUX
async def test_nobody_looks_where_nothing_is_to_be_done(
    threads: LowPriorityThreads, rests: list[float]
) -> None:
    await threads.run(lambda: None)
    rests.clear()

    await asyncio.sleep(0.1)  # several looks

    assert rests == []


async def test_closed_they_begin_nothing(threads: LowPriorityThreads) -> None:
    await threads.run(lambda: None)
    threads.close()

    with pytest.raises(RuntimeError):
        await threads.run(lambda: None)
    with pytest.raises(RuntimeError):
        threads.submit(lambda: None)
