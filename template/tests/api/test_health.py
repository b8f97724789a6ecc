"""What orchestrators and load balancers ask."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import SecretStr

from app import about, resources
from app.db import Connection
from app.settings import Settings
from tools.databases import TestDatabase


async def test_livez_says_that_the_process_runs(client: AsyncClient) -> None:
    response = await client.get("/livez")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


async def test_health_says_that_the_database_answers(client: AsyncClient) -> None:
    response = await client.get("/health")

    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    assert response.json()["version"] == about.VERSION


async def test_health_is_degraded_while_the_database_is_away(
    client: AsyncClient, database: TestDatabase, admin: Connection
) -> None:
    await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database.name
    )

    away = await client.get("/health")
    alive = await client.get("/livez")
    await admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
    back = await client.get("/health")

    assert away.status_code == 503
    assert away.json()["status"] == "degraded"
    assert alive.status_code == 200
    assert back.status_code == 200


async def test_health_is_degraded_when_the_service_is_about_to_stop(
    app: FastAPI, client: AsyncClient
) -> None:
    resources.stop(app)

    response = await client.get("/health")

    assert response.status_code == 503
    assert response.json()["status"] == "degraded"


class TestWhileTheDatabaseHangs:
    """Connections are taken, and nothing ever comes back."""

    @pytest.fixture
    async def settings(self, settings: Settings) -> AsyncIterator[Settings]:
        async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)

        connections: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        yield settings.model_copy(
            update={
                "database_url": SecretStr(f"postgresql://user@127.0.0.1:{port}/name"),
                "database_acquire_timeout": 1.6,
            }
        )
        for connection in connections:
            connection.close()
        server.close()
        await server.wait_closed()

    async def test_health_is_degraded_within_two_seconds(self, client: AsyncClient) -> None:
        started = time.monotonic()

        response, alive = await asyncio.gather(client.get("/health"), client.get("/livez"))

        assert time.monotonic() - started < 2
        assert response.status_code == 503
        assert response.json()["status"] == "degraded"
        assert alive.status_code == 200
