"""Tells a new connection of the database's enumerations, before a query needs them.

asyncpg asks PostgreSQL about a type that is not built in when a query first has it, by a statement
for types of every kind, while a request waits for it. In a new session that takes three times as
long as what is asked here.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.db.pool import Connection

_ALL: Final = """
    SELECT nspname, typname FROM pg_type JOIN pg_namespace ON typnamespace = pg_namespace.oid
    WHERE typtype = 'e'
"""


async def learn(connection: "Connection") -> None:
    """Have values read and written as their labels, as asyncpg does, too.

    About an enumeration that is made later, asyncpg asks.
    """
    for schema, name in await connection.fetch(_ALL):
        with suppress(ValueError):  # gone by now
            await connection.set_builtin_type_codec(name, schema=schema, codec_name="text")
