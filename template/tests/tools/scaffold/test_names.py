"""Names that need quotes in SQL are known without asking a server."""

from app.db import Connection
from tools.scaffold.names import SQL_WORDS


async def test_the_reserved_words_are_the_servers(admin: Connection) -> None:
    rows = await admin.fetch("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")

    assert {row["word"] for row in rows} <= SQL_WORDS
