"""The database stores no password and no refresh token as it is, whatever the code does."""

import asyncpg
import pytest
from httpx import AsyncClient

from app.db import Connection
from tests.support.api import Account, sign_up


@pytest.fixture
async def user(client: AsyncClient) -> Account:
    return await sign_up(client)


async def test_no_password_is_taken_for_its_hash(user: Account, connection: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="users_password_hash_check"):
        await connection.execute("UPDATE users SET password_hash = $1", user.password)


@pytest.mark.parametrize(
    "assignments",
    ["hash = $1", "spent_at = now(), successor_hash = $1, successor_key = ''"],
    ids=["its own", "its successor's"],
)
async def test_no_token_is_taken_for_a_hash(
    user: Account, connection: Connection, assignments: str
) -> None:
    token = user.refresh_token.encode()
    with pytest.raises(asyncpg.CheckViolationError, match="refresh_tokens_hash_check"):
        await connection.execute(f"UPDATE refresh_tokens SET {assignments}", token)


async def test_rows_from_before_were_looked_at(connection: Connection) -> None:
    assert await connection.fetchval("SELECT bool_and(convalidated) FROM pg_constraint")
