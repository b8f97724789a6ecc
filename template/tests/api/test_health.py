"""What orchestrators and load balancers ask."""

from fastapi import FastAPI
from httpx import AsyncClient

from app import about, resources
from app.db import Connection
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
