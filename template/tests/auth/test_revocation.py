"""What it costs a request that tokens can be revoked at once: one statement, by primary keys."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import AsyncClient

from app.db import Connection, Database
from app.db.query import STATEMENTS
from tests.support.api import assert_problem, sign_up


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service has asked of the database, from now on."""
    asked: list[str] = []
    fetch, execute = Database.fetch, Database.execute

    async def noted_fetch(self: Database, query: str, /, *args: Any) -> list[Any]:
        asked.append(query)
        return await fetch(self, query, *args)

    async def noted_execute(self: Database, query: str, /, *args: Any) -> str:
        asked.append(query)
        return await execute(self, query, *args)

    monkeypatch.setattr(Database, "fetch", noted_fetch)
    monkeypatch.setattr(Database, "execute", noted_execute)
    return asked


async def test_a_request_with_a_token_takes_one_statement(
    client: AsyncClient, statements: list[str]
) -> None:
    user = await sign_up(client)
    statements.clear()

    assert (await client.get("/api/v1/users/me", headers=user.headers)).status_code == 200

    assert statements == [find_session_user()]


async def test_a_revoked_one_takes_one_statement(
    client: AsyncClient, statements: list[str]
) -> None:
    user = await sign_up(client)
    await client.post("/api/v1/auth/logout", headers=user.headers)
    statements.clear()

    response = await client.get("/api/v1/users/me", headers=user.headers)

    assert_problem(response, 401, "revoked_token")
    assert statements == [find_session_user()]


async def test_a_forged_one_takes_none(client: AsyncClient, statements: list[str]) -> None:
    user = await sign_up(client)
    statements.clear()

    response = await client.get(
        "/api/v1/users/me", headers={"Authorization": f"Bearer {user.access_token}x"}
    )

    assert_problem(response, 401, "invalid_token")
    assert statements == []


async def test_the_statement_reads_by_primary_keys(connection: Connection) -> None:
    await connection.execute("""
        INSERT INTO users (email, name, password_hash)
        SELECT 'user' || n || '@example.com', 'User', '$none$' FROM generate_series(1, 2000) AS n;
        INSERT INTO sessions (user_id, expires_at) SELECT id, now() + interval '1 day' FROM users;
        ANALYZE users, sessions;
    """)

    session = await connection.fetchval("SELECT id FROM sessions LIMIT 1")

    explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {find_session_user()}", session)

    scans = list(scans_of(json.loads(explained)[0]["Plan"]))
    assert scans == [("Index Scan", "sessions_pkey"), ("Index Scan", "users_pkey")]


def find_session_user() -> str:
    [sql] = [each.sql for each in STATEMENTS if each.name == "auth.find_session_user"]
    return sql


def scans_of(plan: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The nodes that read a table, and the index that each uses."""
    if "Relation Name" in plan:
        yield plan["Node Type"], plan.get("Index Name")
    for child in plan.get("Plans", []):
        yield from scans_of(child)
