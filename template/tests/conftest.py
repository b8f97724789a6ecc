"""The fixtures that most tests start from: ``database``, ``settings``, ``client``."""

import os
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from functools import cache
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from app.auth.keys import generate_key_set
from app.db import Connection
from app.main import create_app
from app.ops import logging
from app.settings import Settings, load
from tools import databases
from tools.databases import Copies, TestDatabase

pytest_plugins = ["tests.support.ratelimit_backend"]

_database_key = pytest.StashKey[TestDatabase]()


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Logs as a developer reads them: what a test that fails shows."""
    logging.configure("info", "console")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server's maintenance database."""
    with databases.server() as address:
        yield address


@pytest.fixture(scope="session")
async def admin(server: str) -> AsyncIterator[Connection]:
    """A connection that may create databases."""
    connection = await asyncpg.connect(server)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def template(admin: Connection, server: str) -> str:
    """The name of a database with the schema."""
    return await databases.migrated_template(admin, server)


@pytest.fixture(scope="session")
async def copies(template: str, admin: Connection, server: str) -> AsyncIterator[Copies]:
    """Databases with the schema."""
    async with Copies.of(template, admin, server) as copies:
        yield copies


@pytest.fixture
async def database(request: pytest.FixtureRequest, copies: Copies) -> AsyncIterator[TestDatabase]:
    """A fresh database with the schema and no rows."""
    async with copies.lend() as fresh:
        request.node.stash[_database_key] = fresh
        yield fresh


@pytest.fixture(scope="session")
async def shared_database(
    admin: Connection, server: str, template: str
) -> AsyncIterator[TestDatabase]:
    """One database for all tests that don't mind what others have left in it: it saves time."""
    async with databases.fresh_database(admin, server, template) as shared:
        yield shared


@pytest.fixture
async def empty_database(admin: Connection, server: str) -> AsyncIterator[str]:
    """The address of a fresh database without even the schema."""
    async with databases.fresh_database(admin, server) as fresh:
        yield fresh.dsn


@pytest.fixture
async def connection(database: TestDatabase) -> AsyncIterator[Connection]:
    """A connection to the test's database."""
    connection = await asyncpg.connect(database.dsn)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def jwt_keys() -> str:
    return generate_key_set()


@pytest.fixture
def settings(
    database: TestDatabase, jwt_keys: str, backend_settings: Mapping[str, str | None]
) -> Settings:
    """Settings for the test's database; a test may replace it with a ``model_copy``."""
    loaded = _loaded(jwt_keys, *backend_settings.items())
    return loaded.model_copy(update={"database_url": SecretStr(database.dsn)})


@cache  # to load them takes a tenth of a test
def _loaded(jwt_keys: str, *backend_settings: tuple[str, str | None]) -> Settings:
    return load(
        _env_file=None,
        database_url="postgresql://nobody@nowhere/none",
        database_password=None,
        database_pool_min_size=0,
        database_acquire_timeout=10,  # a machine that is busy is no failure
        jwt_keys=jwt_keys,
        # As cheap as argon2 can be: here it is the logic that is tested.
        argon2_time_cost=1,
        argon2_memory_kib=8,
        api_docs=True,
        metrics_port=0,
        **dict(backend_settings),
    )


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, where nothing is set: no environment, no files, no secrets."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    monkeypatch.setattr(
        "app.settings.SECRET_DIRECTORIES", (Path("run") / "secrets", Path("secrets"))
    )
    return tmp_path


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app
    app.dependency_overrides.clear()  # which the next one would share


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """An HTTP client of the application."""
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
        yield client


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the database of a test that fails, and say how it is called."""
    report = yield
    database = item.stash.get(_database_key, None)
    if report.when == "call" and report.failed and database:
        kept = database.keep_for(item.nodeid)
        report.sections.append(("Database", f"kept as {kept}"))
    return report
