"""Forgets the sessions that are over.

A session is over when its whole lifetime is, or when its refresh token has not been used for too
long; until then all its spent tokens are kept, for each of them would betray a theft. A batch is a
transaction of its own: it holds no lock for long, and leaves what was done before it done.
"""

import hashlib
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import structlog

from app import background
from app.auth import queries
from app.db import Database

logger = structlog.get_logger("app.purge")

_LOCK_KEY: Final = int.from_bytes(hashlib.sha256(b"purge").digest()[:8], signed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeOptions:
    interval: float
    """Seconds between two purges, on average."""
    batch_size: int
    """The rows that one statement deletes at most."""


def running(database: Database, options: PurgeOptions) -> AbstractAsyncContextManager[None]:
    """Purge now and then, until the end of the block."""
    return background.every(
        options.interval, lambda: purge(database, options.batch_size), name="purge"
    )


async def purge(database: Database, batch_size: int) -> None:
    """Delete all sessions that are over, unless another replica is at it."""
    sessions = tokens = 0
    while batch := await _purge_batch(database, batch_size):
        sessions += batch.sessions
        tokens += batch.tokens
        if max(batch.sessions, batch.tokens) < batch_size:
            break
    if sessions or tokens:
        logger.info("sessions_purged", sessions=sessions, refresh_tokens=tokens)


@dataclass(frozen=True, slots=True)
class _Batch:
    sessions: int
    tokens: int


async def _purge_batch(database: Database, size: int) -> _Batch | None:
    """None where another replica is at it: the lock, which ends with the transaction, is its."""
    async with database.transaction() as db:
        if not await queries.try_lock(db, _LOCK_KEY):
            return None
        tokens = await queries.purge_refresh_tokens(db, size)
        sessions = await queries.purge_sessions(db, size)
    return _Batch(sessions, tokens)
