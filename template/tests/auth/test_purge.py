"""Forgetting the sessions that are over."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient
from structlog.testing import capture_logs

from app.auth.purge import purge
from app.db import Connection, Database
from app.settings import Settings
from tests.support.api import Account, assert_problem, log_in, sign_up
from tests.support.processes import environment_of, serving
from tests.support.waiting import until
from tests.support.wire import Wire
from tools.databases import TestDatabase

LOCKED = """
    SELECT EXISTS (
        SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND locktype = 'advisory'
    )
"""
"""Whether a replica is at it."""


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Database]:
    async with Database.open(settings.database) as pool:
        yield pool


@pytest.fixture
async def user(client: AsyncClient) -> Account:
    return await sign_up(client)


async def refresh(client: AsyncClient, refresh_token: str) -> str:
    response = await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh_token})
    token: str = response.json()["refresh_token"]
    return token


async def end_all_sessions(connection: Connection) -> None:
    await connection.execute("UPDATE sessions SET expires_at = now()")


async def make_ended_sessions(connection: Connection, count: int, *, tokens: int = 1) -> None:
    """Sessions that are over, with ``tokens`` each, all of one new user."""
    await connection.execute(
        """
        WITH account AS (
            INSERT INTO users (email, name, password_hash) VALUES ('x@y.example', 'X', '$none$')
            RETURNING id
        ), ended AS (
            INSERT INTO sessions (user_id, expires_at)
            SELECT id, now() FROM account, generate_series(1, $1)
            RETURNING id
        )
        INSERT INTO refresh_tokens (hash, session_id)
        SELECT sha256((id::text || n)::bytea), id FROM ended, generate_series(1, $2) AS n
        """,
        count,
        tokens,
    )


async def rows(connection: Connection) -> tuple[int, int]:
    """How many sessions and refresh tokens there are."""
    sessions = await connection.fetchval("SELECT count(*) FROM sessions")
    tokens = await connection.fetchval("SELECT count(*) FROM refresh_tokens")
    return sessions, tokens


async def test_what_is_over_goes(
    client: AsyncClient, user: Account, pool: Database, connection: Connection
) -> None:
    await refresh(client, user.refresh_token)
    await end_all_sessions(connection)

    await purge(pool, 1000)

    assert await rows(connection) == (0, 0)


async def test_what_lives_stays(
    client: AsyncClient, user: Account, pool: Database, connection: Connection
) -> None:
    await end_all_sessions(connection)
    tokens = (await log_in(client, user.email)).json()
    await refresh(client, tokens["refresh_token"])

    await purge(pool, 1000)

    assert await rows(connection) == (1, 2)


async def test_a_spent_token_betrays_a_theft_for_as_long_as_the_session_lives(
    client: AsyncClient, user: Account, pool: Database, connection: Connection
) -> None:
    newest = await refresh(client, await refresh(client, user.refresh_token))
    await connection.execute("UPDATE refresh_tokens SET spent_at = spent_at - interval '80 days'")

    await purge(pool, 1000)
    stolen = await client.post("/api/v1/auth/refresh", json={"refresh_token": user.refresh_token})

    assert_problem(stolen, 401, "invalid_refresh_token")
    after = await client.post("/api/v1/auth/refresh", json={"refresh_token": newest})
    assert_problem(after, 401, "invalid_refresh_token")


@pytest.mark.parametrize("tokens", [0, 3])
async def test_a_statement_deletes_no_more_than_a_batch(
    pool: Database, connection: Connection, tokens: int
) -> None:
    await make_ended_sessions(connection, 25, tokens=tokens)
    await connection.execute("""
        CREATE TABLE deletions (rows bigint);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO deletions SELECT count(*) FROM gone;
                RETURN NULL;
            END
        $$;
        CREATE TRIGGER note AFTER DELETE ON sessions
            REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note();
        CREATE TRIGGER note AFTER DELETE ON refresh_tokens
            REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note();
    """)

    with capture_logs() as logs:
        await purge(pool, 10)

    assert await rows(connection) == (0, 0)
    assert await connection.fetchval("SELECT max(rows) FROM deletions") == 10
    assert [(log["event"], log["sessions"], log["refresh_tokens"]) for log in logs] == [
        ("sessions_purged", 25, 25 * tokens)
    ]


async def test_one_replica_works_at_a_time(pool: Database, connection: Connection) -> None:
    await make_ended_sessions(connection, 3)
    async with connection.transaction():
        # The first replica is stopped in the middle of its batch.
        await connection.execute("LOCK TABLE refresh_tokens")
        first = asyncio.create_task(purge(pool, 1000))
        await until(lambda: connection.fetchval(LOCKED))

        async with asyncio.timeout(10):
            await purge(pool, 1000)

        assert not first.done(), "the second one has not waited for the first"
        assert (await rows(connection))[0] == 3

    await first
    assert await rows(connection) == (0, 0)


async def test_a_row_that_somebody_else_holds_is_left_for_the_next_time(
    pool: Database, connection: Connection
) -> None:
    await make_ended_sessions(connection, 3)
    async with connection.transaction():
        await connection.execute("SELECT FROM refresh_tokens LIMIT 1 FOR UPDATE")

        async with asyncio.timeout(10):
            await purge(pool, 1000)

        assert await rows(connection) == (1, 1)

    await purge(pool, 1000)
    assert await rows(connection) == (0, 0)


async def test_nothing_to_do_is_not_logged(pool: Database) -> None:
    with capture_logs() as logs:
        await purge(pool, 1000)

    assert logs == []


class TestInTheService:
    @pytest.fixture
    def environment(self, settings: Settings) -> dict[str, str]:
        return environment_of(settings) | {"PURGE_INTERVAL": "0.01"}

    async def test_it_happens_by_itself(
        self, environment: dict[str, str], connection: Connection
    ) -> None:
        await make_ended_sessions(connection, 3)

        async with serving(environment) as (process, _):
            found = await process.printed("sessions_purged")

            assert json.loads(found.string)["sessions"] == 3
            assert await rows(connection) == (0, 0)

    async def test_an_outage_is_logged_once_and_survived(
        self,
        environment: dict[str, str],
        connection: Connection,
        admin: Connection,
        database: TestDatabase,
    ) -> None:
        environment["DATABASE_ACQUIRE_TIMEOUT"] = "0.1"
        async with serving(environment) as (process, _):
            await close_to_others(admin, connection, database)
            await process.printed("background_work_failed")
            await asyncio.sleep(0.3)  # several turns
            await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
            await process.printed("background_work_recovered")
            await make_ended_sessions(connection, 1)

            await process.printed("sessions_purged")

            failures = [line for line in process.lines if "background_work_failed" in line]
            assert len(failures) <= 3, "one for each kind of error, not for each turn"

    async def test_a_lock_that_it_waits_for_does_not_hold_up_a_stop(
        self, environment: dict[str, str], connection: Connection
    ) -> None:
        await make_ended_sessions(connection, 3)
        async with serving(environment) as (process, _), connection.transaction():
            await connection.execute("LOCK TABLE refresh_tokens")
            await until(lambda: connection.fetchval(LOCKED))
            began = time.monotonic()

            process.signal(signal.SIGTERM)

            assert await process.exit_code() == 0
            assert time.monotonic() - began < 15
            assert "Traceback" not in process.output

    async def test_a_database_that_hangs_does_not_hold_up_a_stop(
        self, environment: dict[str, str], database: TestDatabase
    ) -> None:
        environment["DATABASE_POOL_MIN_SIZE"] = "1"
        async with (
            Wire(database.dsn) as wire,
            serving(environment | {"DATABASE_URL": wire.dsn}) as (process, _),
        ):
            wire.hang()
            await wire.held()
            began = time.monotonic()

            process.signal(signal.SIGTERM)

            assert await process.exit_code() == 0
            assert time.monotonic() - began < 20
            assert "background_work_failed" not in process.output


async def close_to_others(admin: Connection, kept: Connection, database: TestDatabase) -> None:
    """Let the database take no connection, and end those it has but one."""
    await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2",
        database.name,
        kept.get_server_pid(),
    )
