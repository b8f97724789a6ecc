"""Password hashing: argon2id (RFC 9106), off the event loop, bounded."""

import asyncio
import contextlib
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from app.auth.low_priority import LowPriorityThreads
from app.auth.password_rules import normalised
from app.ops import memory
from app.problems import UnavailableError

T = TypeVar("T")

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
        self._threads = LowPriorityThreads(options.threads, "password")
        self._at_once = options.threads
        self._limit = options.threads + options.queue
        self._pending = 0
        self._return_memory: asyncio.TimerHandle | None = None
        self._of_nobody = hash_of_nobody(self._hasher)

    @property
    def active(self) -> int:
        """How many are being hashed or verified."""
        return min(self._pending, self._at_once)

    @property
    def waiting(self) -> int:
        """How many are waiting for a thread."""
        return max(self._pending - self._at_once, 0)

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
        self._threads.close()

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
        if self._return_memory:
            self._return_memory.cancel()
        self._pending += 1
        try:
            return await self._threads.run(work)
        finally:
            self._pending -= 1
            if not self._pending:
                loop = asyncio.get_running_loop()
                self._return_memory = loop.call_later(_IDLE, self._have_memory_returned)

    def _have_memory_returned(self) -> None:
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._threads.submit(memory.return_unused)


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
