"""Counts in the memory of this process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from app.ratelimit.store import Count

MAX_KEYS: Final = 100_000
"""Of counts, and of marks; about 30 MB of each. Beyond, the longest untouched are forgotten, so
that whoever makes up new names without end fills no memory with them."""


class MemoryStore:
    """Counts of this process alone, gone when it ends.

    Nothing is awaited between looking at the counts and changing them: attempts at the same time
    can't slip through.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """``clock`` is in nanoseconds."""
        self._clock = clock
        # For each key, the microsecond at which it is as if it had never been.
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._marks: OrderedDict[str, int] = OrderedDict()

    @property
    def degraded(self) -> bool:
        return False

    async def hit(self, *counts: Count) -> float:
        now = self._clock() // 1000
        empty_at = {
            count: max(self._counts.get(count.key, now), now) + count.limit.interval
            for count in counts
            if not (count.unless and self._marks.get(count.unless, now) > now)
        }
        wait = max(
            (at - now - _us(count.limit.period) for count, at in empty_at.items()), default=0
        )
        if wait > 0:
            return wait / 1_000_000
        for count, at in empty_at.items():
            _put(self._counts, count.key, at, now)
        return 0

    async def forgive(self, key: str, *, mark: str, seconds: int) -> None:
        now = self._clock() // 1000
        self._counts.pop(key, None)
        _put(self._marks, mark, now + _us(seconds), now)


def _us(seconds: int) -> int:
    return seconds * 1_000_000


def _put(entries: OrderedDict[str, int], key: str, until: int, now: int) -> None:
    """Set an entry, and forget what lies longest untouched: if it is over, or there are too many.

    What is over but was touched later is found over in its turn, at the latest after the longest
    period.
    """
    entries[key] = until
    entries.move_to_end(key)
    while len(entries) > MAX_KEYS or next(iter(entries.values())) <= now:
        entries.popitem(last=False)
