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

_FEW: Final = 10
"""Each is a question; of more than these, asyncpg's one takes no longer."""


async def learn(connection: "Connection") -> None:
    """Have values read and written as their labels, as asyncpg does, too.

    asyncpg asks about one that is made later, and about all where they are many.
    """
    found = await connection.fetch(_ALL)
    if len(found) > _FEW:
        return
    for schema, name in found:
        with suppress(ValueError):  # gone by now
            await connection.set_builtin_type_codec(name, schema=schema, codec_name="text")
