"""The connection pool. Every bound is an option; nothing waits for ever."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

import asyncpg
from asyncpg import Record
from asyncpg.connection import LoggedQuery
from asyncpg.pool import PoolConnectionProxy

from app.db.errors import DatabaseUnavailableError
from app.db.query import Transaction

Pool: TypeAlias = "asyncpg.Pool[Record]"
Connection: TypeAlias = "asyncpg.Connection[Record]"
QueryObserver: TypeAlias = Callable[[LoggedQuery], None]
_Pooled: TypeAlias = "PoolConnectionProxy[Record]"

_RENEWAL_INTERVAL: Final = 1
"""Seconds between two replacements of all connections: where no server writes, it is in vain."""


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
    behind_pooler: bool = False
    """A pooler gives each transaction another server connection (PgBouncer's transaction mode): no
    session keeps its settings, time-outs among them. Set them for the role then."""
    close_timeout: float = 5


class _Connection(asyncpg.Connection):
    """A connection that knows its age, and that goes back to the pool without a round trip."""

    __slots__ = ("opened_at",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opened_at = asyncio.get_running_loop().time()

    def get_reset_query(self) -> str:
        """Nothing: queries leave no state in a session, see tests/db/test_session_state.py.

        A transaction that is still open is rolled back all the same.
        """
        return ""


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
        self._renewed_at = -math.inf
        self.max_size = options.pool_max_size
        self.waiting = 0
        """Queries and transactions that are waiting for a connection."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, options: DatabaseOptions, observer: QueryObserver | None = None
    ) -> AsyncIterator["Database"]:
        """Connect, and close the pool at the end of the block.

        ``observer`` is told of each statement when it has ended, but for cursors: asyncpg tells
        nothing of these.

        Raises `DatabaseUnavailableError` where the server can't be reached.
        """

        async def prepare(connection: Connection) -> None:
            if observer:
                connection.add_query_logger(observer)

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
                init=prepare,
                server_settings=_session(options),
            )
        except _CONNECT_ERRORS as error:
            raise DatabaseUnavailableError(_reason(error)) from error
        try:
            yield cls(pool, options)
        finally:
            await _close(pool, options.close_timeout)

    @property
    def idle(self) -> int:
        """Open connections that nobody uses."""
        return self._pool.get_idle_size()

    @property
    def used(self) -> int:
        """Connections that run a query or a transaction."""
        return self._pool.get_size() - self._pool.get_idle_size()

    async def fetch(self, query: str, /, *args: Any) -> list[Record]:
        connection = await self._acquire()
        try:
            return await connection.fetch(query, *args)
        except asyncpg.ReadOnlySQLTransactionError:
            await self._renew()
            raise
        finally:
            await self._release(connection)

    async def execute(self, query: str, /, *args: Any) -> str:
        connection = await self._acquire()
        try:
            return await connection.execute(query, *args)
        except asyncpg.ReadOnlySQLTransactionError:
            await self._renew()
            raise
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
        except asyncpg.ReadOnlySQLTransactionError:
            await self._renew()
            raise
        finally:
            await self._release(connection)

    async def _acquire(self) -> _Pooled:
        self.waiting += 1
        try:
            # Whoever need not wait needs no time-out; to connect has its own.
            timeout = None if self._pool.get_idle_size() else self._acquire_timeout
            return await self._pool.acquire(timeout=timeout)
        except _CONNECT_ERRORS as error:
            raise DatabaseUnavailableError(_reason(error)) from error
        finally:
            self.waiting -= 1

    async def _release(self, connection: _Pooled) -> None:
        if not _is_lost(connection) and self._is_old(connection):
            await connection.close(timeout=self._acquire_timeout)
        await self._pool.release(connection, timeout=self._acquire_timeout)

    async def _renew(self) -> None:
        """Let each connection be replaced before its next use: after a failover they may lead to a
        server that only reads now, and new ones to the one that writes.
        """
        if self._now() - self._renewed_at > _RENEWAL_INTERVAL:
            self._renewed_at = self._now()
            await self._pool.expire_connections()

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
    kept_by_poolers = {"application_name": options.application_name, "timezone": "UTC"}
    if options.behind_pooler:
        return kept_by_poolers
    timeout = f"{round(options.statement_timeout * 1000)}ms"
    return kept_by_poolers | {
        "statement_timeout": timeout,
        "idle_in_transaction_session_timeout": timeout,
    }


async def _close(pool: Pool, timeout: float) -> None:  # noqa: ASYNC109 -- a bound, then by force
    try:
        async with asyncio.timeout(timeout):
            await pool.close()
    except TimeoutError:
        pool.terminate()
