"""The databases of tests: whose they are, and who removes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from app.db import Connection, migrations
from tests.support.waiting import until
from tools import databases

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
