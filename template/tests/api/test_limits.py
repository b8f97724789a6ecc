"""What a request may cost: bytes, time and connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.db import Connection
from app.resources import Database
from app.settings import Settings
from tests.support.api import assert_problem
from tests.support.queries import sleep

KIB = 1024


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "max_body_bytes": KIB,
            "request_timeout": 0.3,
            "database_acquire_timeout": 0.1,
            "database_pool_max_size": 1,
        }
    )


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
    async def test_that_are_too_large_are_refused(self, client: AsyncClient) -> None:
        response = await client.post("/api/v1/auth/login", content=b" " * (KIB + 1))

        assert_problem(response, 413, "payload_too_large")

    async def test_are_refused_before_they_have_arrived(self, client: AsyncClient) -> None:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += KIB
                yield b" " * KIB

        response = await client.post("/api/v1/auth/login", content=endless())

        assert_problem(response, 413, "payload_too_large")
        assert sent <= 3 * KIB

    async def test_of_the_largest_size_are_read(self, client: AsyncClient) -> None:
        response = await client.post(
            "/api/v1/auth/login",
            content=b" " * KIB,
            headers={"Content-Type": "application/json"},
        )

        assert_problem(response, 400, "invalid_json")


class TestTime:
    async def test_that_is_over_is_answered(self, client: AsyncClient) -> None:
        assert_problem(await client.get("/sleep"), 504, "timeout")

    async def test_ends_the_query_too(self, client: AsyncClient, connection: Connection) -> None:
        await client.get("/sleep")

        running = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'active'"
            " AND pid <> pg_backend_pid()"
        )
        assert running == 0


class TestConnections:
    async def test_that_are_all_taken_are_waited_for_briefly(self, client: AsyncClient) -> None:
        first = asyncio.create_task(client.get("/sleep"))
        await asyncio.sleep(0)

        response = await client.get("/sleep")

        assert_problem(response, 503, "unavailable")
        assert int(response.headers["retry-after"]) >= 1
        await first


async def test_an_unforeseen_error_shows_nothing_of_itself(client: AsyncClient) -> None:
    response = await client.get("/fail")

    assert_problem(response, 500, "internal_error")
    assert "secret" not in response.text
