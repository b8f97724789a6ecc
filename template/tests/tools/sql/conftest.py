"""Fixtures for the tests of the SQL checker's core, which need a database without the schema."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tools.sql.catalogue import Connection


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; runs only when asked for, -m slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" in (config.getoption("-m") or ""):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run it with -m slow"))


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[Connection]:
    """A connection to a fresh database without the schema."""
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()
