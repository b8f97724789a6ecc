"""Creating an account."""

import asyncio

import pytest
from httpx import AsyncClient

from app.db import Connection
from tests.support.api import PASSWORD, assert_problem, log_in, register


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


async def test_refuses_the_address_of_a_deactivated_account(
    client: AsyncClient, connection: Connection
) -> None:
    await register(client)
    await connection.execute("UPDATE users SET is_active = false")

    assert_problem(await register(client), 409, "email_taken")


async def test_of_a_taken_address_changes_nothing(client: AsyncClient) -> None:
    await register(client)

    await register(client, password="another horse, another battery")

    assert (await log_in(client)).status_code == 200


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "@example.com",
        "a@",
        "a@b",
        "a b@example.com",
        "a@exam ple.com",
        "a@example..com",
        "a@-example.com",
        "a@example.com\n",
        "a\x00@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b." * 126 + "com",
    ],
    ids=ascii,
)
async def test_refuses_what_is_no_address(client: AsyncClient, email: str) -> None:
    problem = assert_problem(await register(client, email), 422, "validation_error")

    assert [error["field"] for error in problem["errors"]] == ["email"]


async def test_takes_a_name_in_any_script(client: AsyncClient) -> None:
    response = await register(client, name="  Ада Лавлейс 👩‍💻 ")

    assert response.json()["name"] == "Ада Лавлейс 👩‍💻"


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "a\nb", "a\x00b", "a\f", "\x85"], ids=ascii)
async def test_refuses_a_name_that_is_none(client: AsyncClient, name: str) -> None:
    problem = assert_problem(await register(client, name=name), 422, "validation_error")

    assert [error["field"] for error in problem["errors"]] == ["name"]


async def test_names_everything_that_is_missing(client: AsyncClient) -> None:
    response = await client.post("/api/v1/auth/register", json={})

    problem = assert_problem(response, 422, "validation_error")
    assert [error["field"] for error in problem["errors"]] == ["email", "name", "password"]


async def test_makes_nobody_an_administrator(client: AsyncClient) -> None:
    response = await client.post(
        "/api/v1/auth/register",
        json={"email": "ada@example.com", "name": "Ada", "password": PASSWORD, "role": "admin"},
    )

    assert_problem(response, 422, "validation_error")
