"""The database that queries run on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg import Record

from app.db.pool import (
    CONNECT_ERRORS,
    Connection,
    DatabaseOptions,
    Pool,
    QueryObserver,
    is_lost,
    unavailable,
)
from app.db.query import Transaction


class Database:
    """A query holds a connection for as long as it runs, `transaction` holds one for its block.

    Both raise `DatabaseUnavailableError` where none can be had in time.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    @classmethod
    @asynccontextmanager
    async def open(
        cls, options: DatabaseOptions, observer: QueryObserver | None = None
    ) -> AsyncIterator["Database"]:
        """Connect, and close the connections at the end of the block.

        ``observer`` is told of each statement when it has ended, but for cursors: asyncpg tells
        nothing of these.

        Raises `DatabaseUnavailableError` where the server can't be reached.
        """
        async with Pool.open(options, observer) as pool:
            yield cls(pool)

    async def fetch(self, query: str, /, *args: Any) -> list[Record]:
        async with self.pool.connection() as connection:
            return await connection.fetch(query, *args)

    async def execute(self, query: str, /, *args: Any) -> str:
        async with self.pool.connection() as connection:
            return await connection.execute(query, *args)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Hold a connection inside a transaction: committed at the end, rolled back on an error."""
        async with self.pool.connection() as connection:
            try:
                async with connection.transaction():
                    yield connection
            except asyncpg.InterfaceError as error:
                # asyncpg's answer to the second statement after the server has gone.
                if is_lost(connection):
                    raise unavailable(error) from error
                raise


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
    except CONNECT_ERRORS as error:
        raise unavailable(error) from error
