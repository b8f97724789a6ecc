"""The databases of tests: whose they are, what is in them, and who removes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.db import Connection, migrations
from tests.support.waiting import until
from tools import databases
from tools.databases import Copies, TestDatabase

NOBODY = 2**31 - 1
"""No session has this number: processes' numbers are smaller."""


@asynccontextmanager
async def run_of(
    server: str, monkeypatch: pytest.MonkeyPatch, digest: str
) -> AsyncIterator[tuple[Connection, str]]:
    """A run of tests with migrations of this digest: its connection, and its template."""
    admin = await asyncpg.connect(server)
    try:
        monkeypatch.setattr(migrations, "digest", lambda: digest * 16)
        yield admin, await databases.migrated_template(admin, server)
    finally:
        await admin.close()


@pytest.fixture
async def removing(admin: Connection) -> AsyncIterator[list[str]]:
    """Databases to remove at the end of the test."""
    names: list[str] = []
    yield names
    for name in names:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}"')


async def exists(admin: Connection, name: str) -> bool:
    found = await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
    return found is not None


async def until_ended(admin: Connection, session: int) -> None:
    async def ended() -> bool:
        found = await admin.fetchval("SELECT 1 FROM pg_stat_activity WHERE pid = $1", session)
        return found is None

    await until(ended)


async def test_a_copy_whose_run_was_killed_is_removed_by_the_next(
    admin: Connection, server: str, removing: list[str]
) -> None:
    abandoned = f"{databases.PREFIX}_test_{NOBODY}_0123abcd"
    removing.append(abandoned)
    await admin.execute(f'CREATE DATABASE "{abandoned}"')

    await databases.migrated_template(admin, server)

    assert not await exists(admin, abandoned)


async def test_a_copy_whose_run_goes_on_is_left_alone(
    admin: Connection, server: str, template: str
) -> None:
    async with databases.fresh_database(admin, server, template) as copy:
        await databases.migrated_template(admin, server)

        assert await exists(admin, copy.name)


async def test_a_database_that_is_no_copy_is_left_alone(
    admin: Connection, server: str, removing: list[str]
) -> None:
    somebodys = f"{databases.PREFIX}_test_{NOBODY}"
    removing.append(somebodys)
    await admin.execute(f'CREATE DATABASE "{somebodys}"')

    await databases.migrated_template(admin, server)

    assert await exists(admin, somebodys)


async def test_a_template_stays_while_its_run_may_copy_it(
    admin: Connection, server: str, monkeypatch: pytest.MonkeyPatch, removing: list[str]
) -> None:
    async with run_of(server, monkeypatch, "a") as (first, template):
        removing.append(template)
        async with run_of(server, monkeypatch, "b") as (_, other):
            removing.append(other)

            async with databases.fresh_database(first, server, template) as copy:
                assert await exists(admin, copy.name)


async def test_a_template_that_nobody_uses_makes_way(
    admin: Connection, server: str, monkeypatch: pytest.MonkeyPatch, removing: list[str]
) -> None:
    async with run_of(server, monkeypatch, "a") as (first, template):
        removing.append(template)
        session = first.get_server_pid()
    # PostgreSQL may need a moment to notice that the run has ended.
    await until_ended(admin, session)

    async with run_of(server, monkeypatch, "b") as (_, other):
        removing.append(other)

        assert not await exists(admin, template)


async def test_a_template_is_made_once(
    admin: Connection, server: str, monkeypatch: pytest.MonkeyPatch, removing: list[str]
) -> None:
    made = []
    for _ in range(2):
        async with run_of(server, monkeypatch, "d") as (_, template):
            removing.append(template)
            made.append(
                await admin.fetchval("SELECT oid FROM pg_database WHERE datname = $1", template)
            )

    assert made[0] == made[1]


SCHEMA = """
    CREATE TABLE planets (name text PRIMARY KEY);
    INSERT INTO planets VALUES ('Earth');
    CREATE TABLE moons (id bigserial PRIMARY KEY, planet text NOT NULL REFERENCES planets);
    CREATE TABLE craters (moon bigint NOT NULL REFERENCES moons);
    CREATE MATERIALIZED VIEW moonless AS SELECT FROM planets;
"""


@pytest.fixture(scope="module")
async def model(admin: Connection, server: str) -> AsyncIterator[TestDatabase]:
    """A database to copy, with a row in one of its tables."""
    async with databases.fresh_database(admin, server) as model:
        connection = await asyncpg.connect(model.dsn)
        await connection.execute(SCHEMA)
        await connection.close()
        yield model


@pytest.fixture
async def lent(model: TestDatabase, admin: Connection, server: str) -> AsyncIterator[Copies]:
    async with Copies.of(model.name, admin, server) as lent:
        yield lent


async def run(database: TestDatabase, sql: str) -> None:
    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def ask(database: TestDatabase, sql: str) -> Any:
    connection = await asyncpg.connect(database.dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def identity(admin: Connection, database: TestDatabase) -> Any:
    """What stays of a database when it is renamed."""
    return await admin.fetchval("SELECT oid FROM pg_database WHERE datname = $1", database.name)


async def test_a_copy_with_new_rows_is_emptied_for_the_next(
    lent: Copies, admin: Connection
) -> None:
    async with lent.lend() as first:
        await run(first, "INSERT INTO moons (planet) VALUES ('Earth'), ('Earth')")
        await run(first, "INSERT INTO craters VALUES (2)")
        used = await identity(admin, first)
    async with lent.lend() as second:
        assert await identity(admin, second) == used
        assert second.name != first.name
        assert await ask(second, "SELECT count(*) FROM moons") == 0
        assert await ask(second, "SELECT count(*) FROM craters") == 0
        assert await ask(second, "SELECT count(*) FROM planets") == 1


async def test_rows_of_the_next_stand_where_they_would_in_a_new_copy(lent: Copies) -> None:
    for _ in range(2):
        async with lent.lend() as copy:
            await run(copy, "INSERT INTO moons (planet) VALUES ('Earth')")

            assert await ask(copy, "SELECT (id, ctid::text) FROM moons") == (1, "(0,1)")


async def test_a_sequence_starts_anew_although_no_row_came_of_it(lent: Copies) -> None:
    async with lent.lend() as copy:
        await run(copy, "SELECT nextval('moons_id_seq')")
    async with lent.lend() as copy:
        assert await ask(copy, "SELECT nextval('moons_id_seq')") == 1


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE stars ()",
        "ALTER TABLE moons ADD COLUMN name text",
        "ALTER TABLE moons ALTER COLUMN planet DROP NOT NULL",
        "DROP TABLE craters",
        "TRUNCATE craters",
        "COMMENT ON TABLE moons IS 'round'",
        "CREATE FUNCTION one() RETURNS int RETURN 1",
        "CREATE TYPE phase AS ENUM ('new', 'full')",
        "CREATE SCHEMA galaxy",
        "GRANT SELECT ON moons TO public",
        "INSERT INTO planets VALUES ('Mars')",
        "UPDATE planets SET name = 'Terra'",
        "DELETE FROM planets",
        "INSERT INTO planets VALUES ('Mars'); REFRESH MATERIALIZED VIEW moonless",
        "SELECT lo_create(0)",
        "BEGIN; CREATE TABLE stars (); ROLLBACK",
        "ALTER DATABASE {database} SET timezone = 1",
        "ALTER DATABASE {database} CONNECTION LIMIT 9",
        "GRANT ALL ON DATABASE {database} TO public",
    ],
)
async def test_a_copy_in_which_more_has_changed_is_not_lent_again(
    lent: Copies, admin: Connection, change: str
) -> None:
    async with lent.lend() as first:
        await run(first, change.format(database=first.name))
        used = await identity(admin, first)
    async with lent.lend() as second:
        assert await identity(admin, second) != used
        assert await ask(second, "SELECT string_agg(name, ' ') FROM planets") == "Earth"
    assert not await admin.fetchval("SELECT 1 FROM pg_database WHERE oid = $1", used)


async def test_who_still_holds_on_to_a_copy_is_cut_off(lent: Copies) -> None:
    async with lent.lend() as first:
        late = await asyncpg.connect(first.dsn)
        await late.execute("BEGIN; INSERT INTO moons (planet) VALUES ('Earth')")
    async with lent.lend() as second:
        assert await ask(second, "SELECT count(*) FROM moons") == 0
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await late.execute("COMMIT")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(first.dsn)


@pytest.fixture
async def limited(admin: Connection, server: str) -> AsyncIterator[str]:
    """The server's address for a user who may create databases, and no more."""
    role = f"{databases.PREFIX}_limited_{admin.get_server_pid()}"
    await admin.execute(f'CREATE ROLE "{role}" CREATEDB')
    yield f"{server}{'&' if '?' in server else '?'}role={role}"
    await admin.execute(f'DROP ROLE "{role}"')


async def test_who_may_only_create_databases_gets_a_new_copy(limited: str) -> None:
    session = await asyncpg.connect(limited)
    async with databases.fresh_database(session, limited) as model:
        await run(model, "CREATE TABLE moons ()")
        async with Copies.of(model.name, session, limited) as lent:
            async with lent.lend() as first:
                await run(first, "INSERT INTO moons DEFAULT VALUES")
                used = await identity(session, first)
            async with lent.lend() as second:
                assert await identity(session, second) != used
                assert await ask(second, "SELECT count(*) FROM moons") == 0
    await session.close()
