"""What goes wrong in a database that is there: who is told to try again soon succeeds."""

import asyncio
import os
from pathlib import Path
from typing import Final

import pytest
from httpx import AsyncClient, Response

from app.db import Connection
from tests.support.api import Account, assert_problem, register, sign_up
from tests.support.load import load
from tests.support.waiting import until, until_waited_for
from tools.databases import TestDatabase

FULL: Final = Path("/dev/full")
"""A file that no byte can be written to: the disk is full, says the kernel (full(4))."""
RECOVERY: Final = 12
"""Seconds in which everybody has to be served again: 3 where nothing else runs, but other tests do
here."""


async def read(client: AsyncClient, account: Account) -> Response:
    return await client.get("/api/v1/users/me", headers=account.headers)


async def rename(client: AsyncClient, account: Account) -> Response:
    body = {"name": "Grace"}
    return await client.patch("/api/v1/users/me", json=body, headers=account.headers)


async def activate(client: AsyncClient, by: Account, whom: Account) -> Response:
    """A transaction that locks the administrators, and then the user."""
    return await client.patch(
        f"/api/v1/users/{whom.id}", json={"is_active": True}, headers=by.headers
    )


async def appoint(connection: Connection, account: Account) -> None:
    await connection.execute("UPDATE users SET role = 'admin' WHERE email = $1", account.email)


async def end_other_sessions(connection: Connection) -> int:
    """Returns how many there were."""
    ended = await connection.fetch(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def gone() -> bool:
        return not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY($1))",
            [session["pid"] for session in ended],
        )

    await until(gone)
    return len(ended)


async def test_a_connection_that_is_killed_costs_no_more_than_its_request(
    client: AsyncClient, connection: Connection
) -> None:
    async with load(client) as callers:
        await callers.until_all_are_answered(200)
        killed = await end_other_sessions(connection)
        await callers.until_all_are_answered(200)

    failed = [answer for answer in callers.answers if not answer.is_success]
    assert len(failed) <= killed
    for answer in failed:
        assert_problem(answer, 503, "unavailable")


async def test_connections_to_a_server_that_only_reads_make_way_for_ones_that_write(
    client: AsyncClient, connection: Connection, database: TestDatabase
) -> None:
    account = await sign_up(client)
    only_reading = "default_transaction_read_only"
    await connection.execute(f'ALTER DATABASE "{database.name}" SET {only_reading} = on')
    await end_other_sessions(connection)

    await asyncio.gather(*(read(client, account) for _ in range(20)))
    assert_problem(await rename(client, account), 503, "unavailable")
    assert (await read(client, account)).status_code == 200

    await connection.execute(f'ALTER DATABASE "{database.name}" RESET {only_reading}')

    async def renamed() -> bool:
        return (await rename(client, account)).is_success

    async with asyncio.timeout(RECOVERY):
        await until(renamed)
    at_once = await asyncio.gather(*(rename(client, account) for _ in range(20)))
    assert all(answer.is_success for answer in at_once)


@pytest.mark.skipif(
    "TEST_DATABASE_URL" in os.environ, reason="only a superuser may set deadlock_timeout"
)
async def test_a_deadlock_makes_one_of_the_two_try_again(
    client: AsyncClient, connection: Connection, database: TestDatabase
) -> None:
    # Of the sessions to come: the first to find the deadlock is the one that gives way.
    await connection.execute(f'ALTER DATABASE "{database.name}" SET deadlock_timeout = 50')
    admin, user = await sign_up(client), await sign_up(client)
    await appoint(connection, admin)

    async with connection.transaction():
        await connection.execute("SELECT FROM users WHERE email = $1 FOR UPDATE", user.email)
        request = asyncio.create_task(activate(client, admin, user))
        await until_waited_for(connection)
        await connection.execute("SELECT FROM users WHERE email = $1 FOR UPDATE", admin.email)
        assert_problem(await request, 503, "unavailable")

    assert (await activate(client, admin, user)).status_code == 200


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full to stand for a full disk")
@pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="the server's files are elsewhere")
async def test_a_full_disk_refuses_what_writes_until_there_is_room(
    client: AsyncClient, connection: Connection
) -> None:
    _fill_up(
        await connection.fetchval(
            "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('users')"
        )
    )

    assert_problem(await register(client), 503, "unavailable")
    assert_problem(await register(client), 503, "unavailable")
    assert (await client.get("/health")).status_code == 200

    await connection.execute("TRUNCATE users CASCADE")  # which gives it another file
    assert (await register(client)).status_code == 201


def _fill_up(table: str) -> None:
    Path(table).unlink()
    Path(table).symlink_to(FULL)


class TestMigrationMeanwhile:
    """A column's type changes while connections have statements prepared that answer it."""

    async def test_is_not_noticed_by_a_statement_of_its_own(
        self, client: AsyncClient, connection: Connection
    ) -> None:
        account = await sign_up(client)
        await read(client, account)

        await connection.execute("ALTER TABLE users ALTER name TYPE varchar(1000)")

        assert (await read(client, account)).status_code == 200
        assert (await rename(client, account)).json()["name"] == "Grace"

    async def test_makes_one_in_a_transaction_be_tried_again(
        self, client: AsyncClient, connection: Connection
    ) -> None:
        admin = await sign_up(client)
        await appoint(connection, admin)
        assert (await activate(client, admin, admin)).status_code == 200

        await connection.execute("CREATE DOMAIN activity AS boolean")
        await connection.execute("ALTER TABLE users ALTER is_active TYPE activity")

        assert_problem(await activate(client, admin, admin), 503, "unavailable")
        assert (await activate(client, admin, admin)).status_code == 200
