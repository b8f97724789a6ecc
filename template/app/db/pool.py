"""The pool of connections that queries run on. Every bound is an option; nothing waits for ever."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, TypeAlias, cast

import asyncpg
from asyncpg import Record
from asyncpg.connection import LoggedQuery
from asyncpg.pool import PoolConnectionProxy

from app.db import enumerations
from app.db.errors import DatabaseUnavailableError

Connection: TypeAlias = "asyncpg.Connection[Record]"
PooledConnection: TypeAlias = "PoolConnectionProxy[Record]"
QueryObserver: TypeAlias = Callable[[LoggedQuery], None]

CONNECT_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""Without a connection there is no statement yet: whatever went wrong, it was the connecting.
(`TimeoutError` is an `OSError`.)"""

_KEPT_FOR: Final = 1
"""Seconds after which connections that are kept go back."""
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


class Pool:
    """asyncpg's pool, of which connections are kept for whoever needs one next.

    To give one back to asyncpg and to take another costs a quarter of a query, a task among it. So
    those that are free go back only now and then, for asyncpg to close what nobody uses.
    """

    def __init__(self, pool: "asyncpg.Pool[Record]", options: DatabaseOptions) -> None:
        self._pool = pool
        self._acquire_timeout = options.acquire_timeout
        self._lifetime = options.connection_lifetime
        self._now = asyncio.get_running_loop().time
        self._renewed_at = -math.inf
        self._kept: list[PooledConnection] = []
        """Free connections, of which asyncpg knows not that they are."""
        self._going_back: asyncio.Task[None] | None = None
        self._closing = False
        self._turns = asyncio.Semaphore(options.pool_max_size)
        self.max_size = options.pool_max_size
        self.waiting = 0
        """Those who are waiting for a connection."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, options: DatabaseOptions, observer: QueryObserver | None = None
    ) -> AsyncIterator["Pool"]:
        """Connect, and close the pool at the end of the block.

        Raises `DatabaseUnavailableError` where the server can't be reached.
        """

        async def prepare(connection: Connection) -> None:
            try:
                async with asyncio.timeout(options.acquire_timeout):
                    await enumerations.learn(connection)
            except BaseException:
                connection.terminate()  # asyncpg would wait for a server that hangs
                raise
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
                # The age decides, see _is_good; asyncpg counts only queries.
                max_queries=2**31,
                connection_class=_Connection,
                init=prepare,
                server_settings=_session(options),
            )
        except CONNECT_ERRORS as error:
            raise unavailable(error) from error
        opened = cls(pool, options)
        try:
            yield opened
        finally:
            await opened._close(options.close_timeout)

    @property
    def idle(self) -> int:
        """Open connections that nobody uses."""
        return self._pool.get_idle_size() + len(self._kept)

    @property
    def used(self) -> int:
        """Connections that run a query or a transaction."""
        return self._pool.get_size() - self.idle

    def connection(self) -> "_Lease":
        """A connection for the block. Raises `DatabaseUnavailableError` where none can be had in
        time.
        """
        return _Lease(self)

    async def acquire(self) -> PooledConnection:
        """As `connection`, to be released in the end."""
        self.waiting += 1
        try:
            if self._kept and not self._turns.locked():
                return await self._take()  # at once
            async with asyncio.timeout(self._acquire_timeout):
                return await self._take()
        except CONNECT_ERRORS as error:
            raise unavailable(error) from error
        finally:
            self.waiting -= 1

    async def release(self, connection: PooledConnection, error: BaseException | None) -> None:
        """Keep a connection that is as good as new, give back any other one.

        ``error`` is what ended its use.
        """
        try:
            if error is None and self._is_good(connection):
                self._keep(connection)
            else:
                await self._give_back(connection)
        finally:
            self._turns.release()
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            await self._renew()

    async def _take(self) -> PooledConnection:
        await self._turns.acquire()
        try:
            while self._kept:
                connection = self._kept.pop()
                if not is_lost(connection):
                    return connection
                await self._give_back(connection)
            return await self._pool.acquire()
        except BaseException:
            self._turns.release()
            raise

    def _keep(self, connection: PooledConnection) -> None:
        self._kept.append(connection)
        if self._going_back is None:
            self._going_back = asyncio.create_task(self._give_kept_back_later())

    async def _give_kept_back_later(self) -> None:
        await asyncio.sleep(_KEPT_FOR)
        self._going_back = None
        await self._give_kept_back()

    async def _give_kept_back(self) -> None:
        kept, self._kept = self._kept, []
        # What asyncpg can't mend, it closes.
        await asyncio.gather(*map(self._give_back, kept), return_exceptions=True)

    async def _give_back(self, connection: PooledConnection) -> None:
        if not is_lost(connection) and self._is_old(connection):
            await connection.close(timeout=self._acquire_timeout)
        await self._pool.release(connection, timeout=self._acquire_timeout)

    async def _renew(self) -> None:
        """Let each connection be replaced before its next use: after a failover they may lead to a
        server that only reads now, and new ones to the one that writes.
        """
        if self._now() - self._renewed_at > _RENEWAL_INTERVAL:
            self._renewed_at = self._now()
            await self._pool.expire_connections()
            # None is lost where the request is cancelled meanwhile.
            await asyncio.shield(self._give_kept_back())

    def _is_good(self, connection: PooledConnection) -> bool:
        """Whether it can be used again as it is."""
        return not (
            is_lost(connection)
            or connection.is_in_transaction()
            or self._is_old(connection)
            or self._closing
        )

    def _is_old(self, connection: PooledConnection) -> bool:
        opened_at = cast(_Connection, connection).opened_at
        return opened_at <= self._renewed_at or self._now() - opened_at > self._lifetime

    async def _close(self, timeout: float) -> None:  # noqa: ASYNC109 -- a bound, then by force
        self._closing = True
        try:
            async with asyncio.timeout(timeout):
                if self._going_back:
                    self._going_back.cancel()
                await self._give_kept_back()
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


class _Lease:
    """A connection of the pool, for a block."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> PooledConnection:
        self._connection = await self._pool.acquire()
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.release(self._connection, error)


def is_lost(connection: PooledConnection) -> bool:
    """Whether the connection broke. asyncpg then takes it out of its user's hands at once, and it
    answers nothing any more, not even this question.
    """
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def unavailable(error: Exception) -> DatabaseUnavailableError:
    """What is raised for an error in connecting."""
    reason = str(error) or "no connection within the time allowed"
    return DatabaseUnavailableError(f"the database can't be reached: {reason}")


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
