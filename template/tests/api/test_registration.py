"""Creating an account."""

import asyncio

from httpx import AsyncClient

from app.db import Connection
from tests.support.api import assert_problem, register


async def test_answers_with_the_new_user(client: AsyncClient) -> None:
    response = await register(client, "Ada@example.com", "Ada")

    assert response.status_code == 201
    user = response.json()
    assert user["email"] == "Ada@example.com"
    assert user["name"] == "Ada"
    assert user["role"] == "user"
    assert user.keys() == {"id", "email", "name", "role", "created_at", "updated_at"}


async def test_refuses_an_address_that_is_taken_in_another_case(client: AsyncClient) -> None:
    await register(client, "ada@example.com")

    response = await register(client, "ADA@Example.com")

    assert_problem(response, 409, "email_taken")


async def test_of_one_address_fifty_times_at_once_makes_one_account(
    client: AsyncClient, connection: Connection
) -> None:
    responses = await asyncio.gather(*(register(client) for _ in range(50)))

    assert sorted(response.status_code for response in responses) == [201] + [409] * 49
    assert await connection.fetchval("SELECT count(*) FROM users") == 1


async def test_makes_nobody_an_administrator(client: AsyncClient) -> None:
    response = await client.post(
        "/api/v1/auth/register",
        json={
            "email": "ada@example.com",
            "name": "Ada",
            "password": "correct horse battery",
            "role": "admin",
        },
    )

    assert_problem(response, 422, "validation_error")
