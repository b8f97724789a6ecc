"""Threads that leave the processor to the event loop, but for a part of it."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

_NICENESS: Final = 19
"""The lowest priority. The higher it is, the more often the kernel takes the processor from the
event loop for a thread's turn, which lasts until it looks again: up to 4 ms."""
_SHARE: Final = 1 / 12
"""Of a processor, for all of the threads. The kernel would leave them a seventieth of it while the
event loop is never idle, and four logins would take 6 s."""
_INTERVAL: Final = 0.02
"""Seconds between two looks at what they have had."""


class LowPriorityThreads:
    """Runs work in threads, whenever the event loop has nothing to do.

    Where that is not often enough, the event loop rests, for up to 1.7 ms of 20. On Linux alone:
    there, priority is a thread's own (sched(7)), and to lower it needs no privilege.
    """

    def __init__(self, number: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(
            number, thread_name_prefix=name, initializer=self._begin
        )
        self._clocks: list[int] = []
        self._working = 0
        self._next_look: asyncio.TimerHandle | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises, once a thread is free and has done it."""
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._executor, work)
        self._working += 1
        if self._working == 1:
            self._watch(loop)
        try:
            return await done
        finally:
            self._working -= 1
            if not self._working:
                self._stop_watching()

    def submit(self, work: Callable[[], object]) -> None:
        """Have ``work`` done some time, without a share of its own. Raises `RuntimeError` once they
        are closed.
        """
        self._executor.submit(work)

    def close(self) -> None:
        """End the threads, once they have done what they have begun."""
        self._stop_watching()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
            self._clocks.append(time.pthread_getcpuclockid(threading.get_ident()))

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if sys.platform == "linux":
            self._next_look = loop.call_later(
                _INTERVAL, self._rest_if_owed, loop, time.monotonic(), self._processor_seconds()
            )

    def _rest_if_owed(self, loop: asyncio.AbstractEventLoop, since: float, had: float) -> None:
        """Rest for what the threads lack of their share."""
        share = _SHARE * (time.monotonic() - since)
        owed = share - (self._processor_seconds() - had)
        if owed > 0:
            # No longer, even where the process was stopped meanwhile.
            time.sleep(min(owed, _SHARE * _INTERVAL))
        self._watch(loop)

    def _processor_seconds(self) -> float:
        """What the threads have used so far; not what those of a hash's lanes have."""
        return sum(map(time.clock_gettime, self._clocks))

    def _stop_watching(self) -> None:
        if self._next_look:
            self._next_look.cancel()
