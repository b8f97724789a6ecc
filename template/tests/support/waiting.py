"""Waiting for what happens elsewhere: asking until it is so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from app.db import Connection

_PATIENCE: Final = 30
"""Seconds after which it is not going to happen."""
_PAUSE: Final = 0.01
"""Seconds between two questions, which leave the processor to whom is waited for."""

WAITING: Final = """
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    )
"""
"""Whether a session of the same database waits for a lock of another's."""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until the answer is yes."""
    async with asyncio.timeout(_PATIENCE):
        while not await condition():  # noqa: ASYNC110 -- it is another process that knows
            await asyncio.sleep(_PAUSE)


async def until_asleep(connection: Connection) -> None:
    """Wait until another session of the same database is in ``pg_sleep``."""

    async def asleep() -> bool:
        return bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event = 'PgSleep')"
            )
        )

    await until(asleep)


async def until_waited_for(connection: Connection) -> None:
    """Wait until another session waits for the end of this one's transaction."""

    async def waited_for() -> bool:
        return bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks "
                "WHERE NOT granted AND transactionid = pg_current_xact_id()::xid)"
            )
        )

    await until(waited_for)
