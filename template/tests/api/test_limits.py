"""What a request may cost: bytes, time and connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.db import Connection
from app.resources import Database
from app.settings import Settings
from tests.support.api import assert_problem, log_in
from tests.support.queries import sleep
from tests.support.waiting import until_asleep
from tools.databases import TestDatabase

KIB = 1024


@pytest.fixture
def app(app: FastAPI) -> FastAPI:
    """The application, with routes that go wrong."""

    @app.get("/sleep")
    async def sleep_for_long(db: Database) -> str:
        return await sleep(db, 60)

    @app.get("/fail")
    async def fail() -> None:
        raise RuntimeError("the secret detail")

    return app


class TestBodies:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_body_bytes": KIB})

    async def send(self, client: AsyncClient, body: bytes | AsyncIterator[bytes]) -> Response:
        return await client.post(
            "/api/v1/auth/login", content=body, headers={"Content-Type": "application/json"}
        )

    async def test_that_say_they_are_too_large_are_refused_unread(
        self, client: AsyncClient
    ) -> None:
        read = False

        async def body() -> AsyncIterator[bytes]:
            nonlocal read
            read = True
            yield b" " * (KIB + 1)

        response = await client.post(
            "/api/v1/auth/login", content=body(), headers={"Content-Length": str(KIB + 1)}
        )

        assert_problem(response, 413, "payload_too_large")
        assert not read

    async def test_without_a_length_are_refused_before_they_have_arrived(
        self, client: AsyncClient
    ) -> None:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += KIB
                yield b" " * KIB

        response = await self.send(client, endless())

        assert_problem(response, 413, "payload_too_large")
        assert sent == 2 * KIB

    async def test_of_the_largest_size_are_read(self, client: AsyncClient) -> None:
        assert_problem(await self.send(client, b" " * KIB), 400, "invalid_json")


class TestTime:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        # The connection is there from the start: the time is the query's.
        return settings.model_copy(update={"request_timeout": 1, "database_pool_min_size": 1})

    async def test_that_is_over_ends_the_query_too(
        self, client: AsyncClient, connection: Connection
    ) -> None:
        request = asyncio.create_task(client.get("/sleep"))
        await until_asleep(connection)

        response = await request

        assert_problem(response, 504, "timeout")
        running = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'active'"
            " AND pid <> pg_backend_pid()"
        )
        assert running == 0

    async def test_to_send_a_body_is_bounded(self, client: AsyncClient) -> None:
        async def stalled() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        response = await client.post(
            "/api/v1/auth/login", content=stalled(), headers={"Content-Type": "application/json"}
        )

        assert_problem(response, 504, "timeout")


class TestStatementTime:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"database_statement_timeout": 0.05})

    async def test_that_is_over_is_a_timeout_as_well(self, client: AsyncClient) -> None:
        assert_problem(await client.get("/sleep"), 504, "timeout")


class TestConnections:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={
                "database_acquire_timeout": 0.3,
                "database_pool_min_size": 1,
                "database_pool_max_size": 1,
            }
        )

    async def test_that_are_all_taken_are_waited_for_briefly(
        self, app: FastAPI, client: AsyncClient
    ) -> None:
        database: Database = app.state.resources.database

        async with database.transaction():
            taken = await log_in(client)
            alive = await client.get("/livez")
        free = await log_in(client)

        assert_problem(taken, 503, "unavailable")
        assert alive.status_code == 200
        assert_problem(free, 401, "invalid_credentials")


async def test_connections_are_made_again_when_the_database_is_back(
    client: AsyncClient, database: TestDatabase, admin: Connection
) -> None:
    await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
        database.name,
    )

    away = [await log_in(client) for _ in range(2)]
    await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
    back = await log_in(client)

    for response in away:
        assert_problem(response, 503, "unavailable")
    assert_problem(back, 401, "invalid_credentials")


class TestUnforeseenErrors:
    async def test_show_nothing_of_themselves(self, client: AsyncClient) -> None:
        response = await client.get("/fail")

        assert_problem(response, 500, "internal_error")
        assert "secret" not in response.text
        assert "RuntimeError" not in response.text

    async def test_are_logged_with_the_request_s_id(self, client: AsyncClient) -> None:
        with capture_logs([merge_contextvars]) as logs:
            response = await client.get("/fail", headers={"X-Request-Id": "mine"})

        assert response.headers["x-request-id"] == "mine"
        assert [line["event"] for line in logs] == ["unforeseen_error", "request"]
        assert {line["request_id"] for line in logs} == {"mine"}
