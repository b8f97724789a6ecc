"""The database's server goes, or takes no more: the service says so, and recovers by itself."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from httpx import AsyncClient, Response
from pydantic import SecretStr

from app.db import Connection, migrations
from app.settings import Settings
from tests.support.api import assert_problem, log_in, sign_up
from tests.support.load import load
from tests.support.private_server import PrivateServer, remove
from tests.support.processes import environment_of, serving
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(
    "TEST_DATABASE_URL" in os.environ,
    reason="no test may stop the server that TEST_DATABASE_URL names",
)

RECOVERY: Final = 12
"""Seconds in which everybody has to be served again: 3 where nothing else runs, but other tests do
here."""


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[PrivateServer]:
    """A server with the schema, which is not running; it has few connections to give."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        data = Path(folder) / "data"
        server = PrivateServer(data, max_connections="10")
        connection = await asyncpg.connect(server.start())
        await migrations.migrate(connection)
        await connection.close()
        server.stop()
        yield server
        remove(data)


@pytest.fixture
async def address(postgres: PrivateServer) -> AsyncIterator[str]:
    """The address of that server, which runs."""
    yield postgres.start()
    postgres.stop()


@pytest.fixture
def settings(settings: Settings, address: str) -> Settings:
    server = {"database_url": SecretStr(address), "database_acquire_timeout": 3}
    return settings.model_copy(update=server)


@pytest.mark.parametrize("end", [PrivateServer.stop, PrivateServer.crash], ids=["stop", "crash"])
async def test_a_server_that_is_away_is_a_503_until_it_is_back(
    settings: Settings, postgres: PrivateServer, end: Callable[[PrivateServer], None]
) -> None:
    async with (
        serving(environment_of(settings)) as (_, url),
        AsyncClient(base_url=url) as client,
        load(client) as callers,
    ):
        await callers.until_all_are_answered(200)
        await asyncio.to_thread(end, postgres)
        await callers.until_all_are_answered(503)
        assert (await client.get("/health")).status_code == 503
        assert (await client.get("/livez")).status_code == 200

        await asyncio.to_thread(postgres.start)
        async with asyncio.timeout(RECOVERY):
            await callers.until_all_are_answered(200)
        assert (await client.get("/health")).status_code == 200

    assert {answer.status_code for answer in callers.answers} == {200, 503}
    for answer in callers.answers:
        if answer.status_code == 503:
            assert_problem(answer, 503, "unavailable")


async def test_a_server_without_a_connection_left_is_a_503_until_it_has_one(
    client: AsyncClient, address: str
) -> None:
    taken = await _take_all_connections(address)
    assert_problem(await log_in(client), 503, "unavailable")
    for connection in taken:
        await connection.close()

    async def served() -> bool:
        return (await log_in(client)).status_code == 401

    async with asyncio.timeout(RECOVERY):
        await until(served)


async def test_a_standby_answers_what_only_reads_and_the_rest_once_it_is_promoted(
    client: AsyncClient, postgres: PrivateServer
) -> None:
    account = await sign_up(client)
    postgres.stop()
    postgres.become_standby()
    standby = await asyncpg.connect(postgres.start())
    assert await standby.fetchval("SELECT pg_is_in_recovery()")

    async def change() -> Response:
        return await client.patch(
            "/api/v1/users/me", json={"name": "Grace"}, headers=account.headers
        )

    async def reads() -> bool:
        return (await client.get("/api/v1/users/me", headers=account.headers)).is_success

    await until(reads)
    assert_problem(await change(), 503, "unavailable")
    assert_problem(await log_in(client, account.email), 503, "unavailable")
    assert await reads()

    assert await standby.fetchval("SELECT pg_promote()")
    await standby.close()
    assert (await change()).json()["name"] == "Grace"


async def _take_all_connections(address: str) -> list[Connection]:
    taken: list[Connection] = []
    with suppress(asyncpg.TooManyConnectionsError):
        while True:
            taken.append(await asyncpg.connect(address))
    return taken
