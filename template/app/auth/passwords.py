"""Password hashing: argon2id (RFC 9106), off the event loop, bounded."""

import asyncio
import contextlib
import os
import secrets
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from app.auth.password_rules import normalised
from app.ops import memory
from app.problems import UnavailableError

T = TypeVar("T")

_NICENESS: Final = 12
"""Hashing yields to the event loop's thread, so that logins don't delay other requests. Not the
full 19, at which a login may starve while the service is busy."""
_IDLE: Final = 1
"""Seconds without a password to hash, after which memory is given back. To take 19 MiB anew for
each hash would cost half as much again as hashing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordOptions:
    time_cost: int
    memory_kib: int
    parallelism: int
    threads: int
    """More than one on a processor hold up the event loop: while one of them has the interpreter's
    lock, another may have the processor."""
    queue: int
    """Hashes waiting for a thread; one more is answered 503."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a password was the right one, and its new hash where the old one is too weak."""

    correct: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and verifies passwords in threads of their own, which `close` ends.

    A hash takes some 20 ms of processor time and 19 MiB: on the event loop it would stop every
    other request, and without a bound a flood of logins would take all memory.
    """

    def __init__(self, options: PasswordOptions) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=options.time_cost,
            memory_cost=options.memory_kib,
            parallelism=options.parallelism,
        )
        self._executor = ThreadPoolExecutor(
            options.threads, thread_name_prefix="password", initializer=_yield_to_others
        )
        self._threads = options.threads
        self._limit = options.threads + options.queue
        self._pending = 0
        self._return_memory: asyncio.TimerHandle | None = None
        self._of_nobody = hash_of_nobody(self._hasher)

    @property
    def active(self) -> int:
        """How many are being hashed or verified."""
        return min(self._pending, self._threads)

    @property
    def waiting(self) -> int:
        """How many are waiting for a thread."""
        return max(self._pending - self._threads, 0)

    async def hash(self, password: str) -> str:
        """Raises `UnavailableError` where too many are waiting."""
        return await self._run(lambda: self._hasher.hash(normalised(password)))

    async def verify(self, password: str, stored: str | None) -> Verification:
        """Compare a password with its stored hash; ``None`` stands for an unknown account and takes
        as long. Raises `UnavailableError` where too many are waiting.
        """
        return await self._run(lambda: self._verify(normalised(password), stored))

    def close(self) -> None:
        if self._return_memory:
            self._return_memory.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str | None) -> Verification:
        try:
            self._hasher.verify(stored or self._of_nobody, password)
        except (VerificationError, InvalidHashError):
            return Verification(correct=False)
        if stored is None:
            return Verification(correct=False)
        if not self._hasher.check_needs_rehash(stored):
            return Verification(correct=True)
        return Verification(correct=True, new_hash=self._hasher.hash(password))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= self._limit:
            raise UnavailableError("Too many logins at once. Try again shortly.")
        loop = asyncio.get_running_loop()
        if self._return_memory:
            self._return_memory.cancel()
        self._pending += 1
        try:
            return await loop.run_in_executor(self._executor, work)
        finally:
            self._pending -= 1
            if not self._pending:
                self._return_memory = loop.call_later(_IDLE, self._have_memory_returned)

    def _have_memory_returned(self) -> None:
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._executor.submit(memory.return_unused)


def hash_of_nobody(hasher: argon2.PasswordHasher) -> str:
    """A hash that takes as long to verify as any, and is no password's: made of random bytes, since
    each start would wait for one that is worked out.
    """
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


def _yield_to_others() -> None:
    # On Linux niceness is a thread's own (sched(7)), and raising it needs no privilege.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
