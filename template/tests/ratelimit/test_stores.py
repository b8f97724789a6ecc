"""What every store of counts does: the one in use, and the one in the process's memory."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from app import ratelimit
from app.ratelimit import Count, MemoryStore, RateLimit, Store, memory
from app.settings import Settings
from tests.support.waiting import until

SLOW = RateLimit(3, period=3600)
"""So slow that nothing is forgotten while a test runs."""
FAST = RateLimit(4, period=1)


@pytest.fixture(params=["in use", "in memory"])
async def store(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Store]:
    if request.param == "in memory":
        yield MemoryStore()
        return
    async with ratelimit.open_store(settings) as store:
        yield store


async def hits(store: Store, times: int, *counts: Count) -> list[bool]:
    """Which of so many attempts were counted."""
    return [await store.hit(*counts) == 0 for _ in range(times)]


async def test_as_many_as_the_limit_says_may_come_at_once(store: Store) -> None:
    assert await hits(store, 5, Count("key", SLOW)) == [True] * 3 + [False] * 2


async def test_says_how_long_to_wait_for_the_next(store: Store) -> None:
    await hits(store, 3, Count("key", SLOW))

    assert await store.hit(Count("key", SLOW)) == pytest.approx(1200, abs=5)


async def test_there_is_room_again_after_the_time_it_said(store: Store) -> None:
    await hits(store, 4, Count("key", FAST))
    wait = await store.hit(Count("key", FAST))
    started = time.monotonic()

    async def counted() -> bool:
        return await store.hit(Count("key", FAST)) == 0

    await until(counted)

    assert 0 < wait <= 0.25
    assert time.monotonic() - started >= wait - 0.05


async def test_a_refused_attempt_makes_nobody_wait_longer(store: Store) -> None:
    await hits(store, 3, Count("key", SLOW))
    first = await store.hit(Count("key", SLOW))
    await hits(store, 50, Count("key", SLOW))

    assert await store.hit(Count("key", SLOW)) <= first


async def test_an_attempt_is_counted_everywhere_or_nowhere(store: Store) -> None:
    full, other = Count("full", SLOW), Count("other", SLOW)
    await hits(store, 3, full)

    assert await hits(store, 10, other, full) == [False] * 10
    assert await hits(store, 4, other) == [True] * 3 + [False]


async def test_the_longest_wait_counts(store: Store) -> None:
    hourly, daily = Count("hourly", RateLimit(1, 3600)), Count("daily", RateLimit(1, 24 * 3600))
    await store.hit(hourly, daily)

    assert await store.hit(hourly, daily) == pytest.approx(24 * 3600, abs=5)


async def test_of_many_at_the_same_time_no_more_are_counted(store: Store) -> None:
    waits = await asyncio.gather(*(store.hit(Count("key", SLOW)) for _ in range(50)))

    assert waits.count(0) == 3


async def test_a_mark_lifts_the_limit(store: Store) -> None:
    count = Count("key", SLOW, unless="mark")
    await hits(store, 3, count)
    assert await hits(store, 1, count) == [False]

    await store.forgive("another key", mark="mark", seconds=3600)

    assert await hits(store, 10, count) == [True] * 10


async def test_what_comes_under_a_mark_is_not_counted(store: Store) -> None:
    await store.forgive("another key", mark="mark", seconds=3600)
    await hits(store, 10, Count("key", SLOW, unless="mark"))

    assert await hits(store, 4, Count("key", SLOW)) == [True] * 3 + [False]


async def test_a_mark_ends(store: Store) -> None:
    await store.forgive("another key", mark="mark", seconds=1)
    count = Count("key", SLOW, unless="mark")

    async def full() -> bool:
        return await store.hit(count) > 0

    await until(full)

    assert await hits(store, 1, count) == [False]


async def test_what_is_forgiven_is_forgotten(store: Store) -> None:
    await hits(store, 3, Count("key", SLOW))

    await store.forgive("key", mark="mark", seconds=3600)

    assert await hits(store, 4, Count("key", SLOW)) == [True] * 3 + [False]


@pytest.mark.parametrize("amount", [3, 7, 97, 999])
async def test_limits_that_do_not_divide_the_time_lose_nothing(store: Store, amount: int) -> None:
    count = Count("key", RateLimit(amount, 8 * 24 * 3600))

    assert sum(await hits(store, amount + 1, count)) == amount


class TestMemory:
    async def test_forgets_what_is_over(self) -> None:
        now = 0
        store = MemoryStore(clock=lambda: now)
        for number in range(100):
            await store.hit(Count(f"key {number}", SLOW))
        now = 3601 * 1_000_000_000

        await store.hit(Count("key", SLOW))

        assert list(store._counts) == ["key"]

    async def test_of_endless_names_it_keeps_the_latest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "MAX_KEYS", 10)
        store = MemoryStore()
        for number in range(1000):
            await store.hit(Count("attacked", RateLimit(1000, 3600)))
            await store.hit(Count(f"made up {number}", SLOW))
            await store.forgive("key", mark=f"mark {number}", seconds=3600)

        assert len(store._counts) == len(store._marks) == 10
        assert await store.hit(Count("attacked", RateLimit(1000, 3600))) > 0
