"""New connections know the database's enumerations."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from app.db import Connection, Database, DatabaseUnavailableError
from tests.db.test_database import Open, options
from tests.support.wire import Wire

COLOUR = "'red'::colour"


@pytest.fixture
async def owner(empty_database: str) -> AsyncIterator[Connection]:
    """A connection of who changes the schema of a database that has the enumeration ``colour``."""
    connection = await asyncpg.connect(empty_database)
    await connection.execute("CREATE TYPE colour AS ENUM ('red', 'dark blue')")
    yield connection
    await connection.close()


@pytest.fixture
def opened(empty_database: str, owner: Connection) -> Open:
    """Opens a pool each of whose connections runs but one transaction."""
    return lambda: Database.open(options(empty_database, connection_lifetime=1e-9))


async def statements_of(query: str, dsn: str) -> list[str]:
    """What a query on a new connection has asyncpg send, the query among it."""
    sent: list[str] = []

    def observe(statement: LoggedQuery) -> None:
        sent.append(statement.query)

    async with Database.open(options(dsn), observe) as database:
        await database.fetch(query)
    return sent


@pytest.mark.usefixtures("owner")
async def test_nothing_is_asked_when_a_query_has_one(empty_database: str) -> None:
    query = f"SELECT {COLOUR}"

    assert await statements_of(query, empty_database) == [query]


async def test_where_they_are_many_they_are_left_to_asyncpg(
    empty_database: str, owner: Connection
) -> None:
    for number in range(20):
        await owner.execute(f"CREATE TYPE colour_{number} AS ENUM ('red')")
    query = f"SELECT {COLOUR}"

    sent = await statements_of(query, empty_database)

    assert len(sent) > 1
    assert query in sent


async def test_labels_are_read_and_written(opened: Open, owner: Connection) -> None:
    await owner.execute("CREATE TABLE paints (colour colour, others colour[])")
    async with opened() as database, database.pool.connection() as connection:
        await connection.execute("INSERT INTO paints VALUES ($1, $2)", "red", ["dark blue", None])
        await connection.copy_records_to_table("paints", records=[("dark blue", ["red"])])
        found = await connection.fetch("SELECT * FROM paints WHERE colour >= $1", "red")

    assert [tuple(row) for row in found] == [("red", ["dark blue", None]), ("dark blue", ["red"])]


@pytest.mark.parametrize("at_once", [0, 1])
async def test_a_server_that_hangs_meanwhile_is_given_up_in_time(
    empty_database: str, at_once: int
) -> None:
    async with Wire(empty_database, hang_at=b"pg_type") as wire, asyncio.timeout(10):
        bounds = options(wire.dsn, pool_min_size=at_once, acquire_timeout=0.5)
        with pytest.raises(DatabaseUnavailableError):
            async with Database.open(bounds) as database:
                await database.fetch("SELECT 1")


async def test_one_may_be_made_anew_while_the_pool_is_open(opened: Open, owner: Connection) -> None:
    async with opened() as database:
        await database.fetch(f"SELECT {COLOUR}")
        await owner.execute("DROP TYPE colour; CREATE TYPE colour AS ENUM ('red')")

        [record] = await database.fetch(f"SELECT {COLOUR}, $1::colour", "red")

    assert tuple(record) == ("red", "red")
