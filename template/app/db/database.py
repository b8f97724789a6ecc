"""The connection pool. Every bound is an option; nothing waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from app.db.errors import DatabaseUnavailableError
from app.db.query import Transaction

Pool: TypeAlias = "asyncpg.Pool[Record]"
Connection: TypeAlias = "asyncpg.Connection[Record]"
_Pooled: TypeAlias = "PoolConnectionProxy[Record]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseOptions:
    """Where the database is, and the bounds of its pool. Times are in seconds."""

    url: str = field(repr=False)
    """``postgresql://user@host:port/name``; may hold a password."""
    password: str | None = field(repr=False)
    application_name: str
    """How the service's sessions are named in ``pg_stat_activity``."""
    pool_min_size: int
    pool_max_size: int
    acquire_timeout: float
    """How long a query waits for a connection, be it a free one or a new one."""
    connection_idle_timeout: float
    """An unused connection above the minimum is closed after this."""
    connection_lifetime: float
    """A connection older than this is replaced."""
    statement_timeout: float
    """PostgreSQL cancels a statement that runs for longer."""
    close_timeout: float = 5


class _Connection(asyncpg.Connection):
    """A connection that knows its age."""

    __slots__ = ("opened_at",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opened_at = asyncio.get_running_loop().time()


class Database:
    """A pool of connections that queries run on.

    A query holds a connection for as long as it runs; `transaction` holds one for its block. Both
    raise `DatabaseUnavailableError` where none can be had in time.
    """

    def __init__(self, pool: Pool, options: DatabaseOptions) -> None:
        self._pool = pool
        self._acquire_timeout = options.acquire_timeout
        self._lifetime = options.connection_lifetime
        self._now = asyncio.get_running_loop().time

    @classmethod
    @asynccontextmanager
    async def open(cls, options: DatabaseOptions) -> AsyncIterator["Database"]:
        """Connect, and close the pool at the end of the block.

        Raises `DatabaseUnavailableError` where the server can't be reached.
        """
        try:
            pool = await asyncpg.create_pool(
                options.url,
                password=options.password,
                timeout=options.acquire_timeout,
                min_size=options.pool_min_size,
                max_size=options.pool_max_size,
                max_inactive_connection_lifetime=options.connection_idle_timeout,
                # The age decides, see _release; asyncpg counts only queries.
                max_queries=2**31,
                connection_class=_Connection,
                server_settings=_session(options),
            )
        except _CONNECT_ERRORS as error:
            raise DatabaseUnavailableError(_reason(error)) from error
        try:
            yield cls(pool, options)
        finally:
            await _close(pool, options.close_timeout)

    async def fetch(self, query: str, /, *args: Any) -> list[Record]:
        connection = await self._acquire()
        try:
            return await connection.fetch(query, *args)
        finally:
            await self._release(connection)

    async def execute(self, query: str, /, *args: Any) -> str:
        connection = await self._acquire()
        try:
            return await connection.execute(query, *args)
        finally:
            await self._release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Hold a connection inside a transaction: committed at the end, rolled back on an error."""
        connection = await self._acquire()
        try:
            async with connection.transaction():
                yield connection
        except asyncpg.InterfaceError as error:
            # asyncpg's answer to the second statement after the server has gone.
            if _is_lost(connection):
                raise DatabaseUnavailableError(_reason(error)) from error
            raise
        finally:
            await self._release(connection)

    async def _acquire(self) -> _Pooled:
        try:
            return await self._pool.acquire(timeout=self._acquire_timeout)
        except _CONNECT_ERRORS as error:
            raise DatabaseUnavailableError(_reason(error)) from error

    async def _release(self, connection: _Pooled) -> None:
        if not _is_lost(connection) and self._is_old(connection):
            await connection.close(timeout=self._acquire_timeout)
        await self._pool.release(connection)

    def _is_old(self, connection: _Pooled) -> bool:
        return self._now() - cast(_Connection, connection).opened_at > self._lifetime


async def connect(options: DatabaseOptions) -> Connection:
    """Open a connection outside the pool and without its statement time-out: for migrations.

    Raises `DatabaseUnavailableError` where the server can't be reached.
    """
    try:
        return await asyncpg.connect(
            options.url,
            password=options.password,
            timeout=options.acquire_timeout,
            server_settings={"application_name": options.application_name},
        )
    except _CONNECT_ERRORS as error:
        raise DatabaseUnavailableError(_reason(error)) from error


def _is_lost(connection: _Pooled) -> bool:
    """Whether the connection broke. asyncpg then takes it out of its user's hands at once, and it
    answers nothing any more, not even this question.
    """
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


_CONNECT_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""Without a connection there is no statement yet: whatever went wrong, it was the connecting.
(`TimeoutError` is an `OSError`.)"""


def _reason(error: Exception) -> str:
    return f"the database can't be reached: {str(error) or 'no connection within the time allowed'}"


def _session(options: DatabaseOptions) -> dict[str, str]:
    """The parameters of each session (PostgreSQL, chapter 19.11)."""
    timeout = f"{round(options.statement_timeout * 1000)}ms"
    return {
        "application_name": options.application_name,
        "statement_timeout": timeout,
        "idle_in_transaction_session_timeout": timeout,
        "timezone": "UTC",
    }


async def _close(pool: Pool, timeout: float) -> None:  # noqa: ASYNC109 -- a bound, then by force
    try:
        async with asyncio.timeout(timeout):
            await pool.close()
    except TimeoutError:
        pool.terminate()
