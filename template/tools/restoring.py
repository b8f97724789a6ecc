"""Makes a copy of a database again what it was before somebody wrote to it."""

from dataclasses import dataclass
from typing import Final

import asyncpg

from app.db import Connection

_EMPTY: Final = """
    SELECT coalesce(array_agg(oid), '{}') FROM pg_class
    WHERE relkind = 'r' AND relnamespace <> 'pg_catalog'::regnamespace
        AND pg_relation_size(oid) = 0
"""
_SEQUENCES: Final = """
    SELECT coalesce(array_agg(format(
        'SELECT setval(%L, %s, %L)', format('%I.%I', schemaname, sequencename),
        coalesce(last_value, start_value), last_value IS NOT NULL
    )), '{}') FROM pg_sequences
"""
_CHANGED: Final = """
    SELECT NOT current_setting('track_counts')::bool OR EXISTS (
        SELECT FROM pg_class
        WHERE relkind IN ('r', 'm') AND NOT relisshared AND oid <> ALL($1)
            AND pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid)
                + pg_stat_get_tuples_deleted(oid) > 0
    )
"""
"""Whether another table has been written to, be it one of PostgreSQL's own, which hold the schema.
What a session writes and what it rolls back is counted by the time that the session has ended."""
_FILLED: Final = """
    SELECT oid::regclass::text FROM pg_class WHERE oid = ANY($1) AND pg_relation_size(oid) > 0
"""


@dataclass(frozen=True, slots=True)
class State:
    """What all copies of a database have in common for as long as nobody writes to them."""

    empty: list[int]
    """The tables without a row."""
    sequences: list[str]
    """Statements that set each sequence to where it was."""

    @classmethod
    async def of(cls, dsn: str) -> "State":
        connection = await asyncpg.connect(dsn)
        try:
            return cls(await connection.fetchval(_EMPTY), await connection.fetchval(_SEQUENCES))
        finally:
            await connection.close()

    async def restore(self, dsn: str) -> bool:
        """Empty the tables that were; nobody else may be connected.

        False where more has been written: the schema, or a table that had rows. Then the database
        is not what it was.
        """
        connection = await asyncpg.connect(dsn)
        try:
            if await connection.fetchval(_CHANGED, self.empty):
                return False
            await self._empty(connection, await self._filled(connection))
            return not await self._filled(connection)
        except asyncpg.InsufficientPrivilegeError:  # of who is no superuser
            return False
        finally:
            await connection.close()

    async def _filled(self, connection: Connection) -> list[str]:
        return [row[0] for row in await connection.fetch(_FILLED, self.empty)]

    async def _empty(self, connection: Connection, tables: list[str]) -> None:
        # Without triggers, those of foreign keys among them: in whatever order.
        statements = ["SET session_replication_role = replica"]
        statements += [f"DELETE FROM ONLY {table}" for table in tables]  # noqa: S608 -- by PostgreSQL
        await connection.execute("; ".join(statements + self.sequences))
        if tables:
            # Or new rows would fill the gaps, in any order. TRUNCATE, which makes new files, takes
            # four times as long.
            await connection.execute(f"VACUUM {', '.join(tables)}")
