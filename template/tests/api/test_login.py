"""Logging in."""

import argon2
import pytest
from httpx import AsyncClient

from app.db import Connection
from app.settings import Settings
from tests.support.api import PASSWORD, assert_problem, bearer, log_in, register


async def test_answers_with_tokens(client: AsyncClient) -> None:
    await register(client)

    response = await log_in(client)

    assert response.status_code == 200
    tokens = response.json()
    assert tokens.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 15 * 60
    assert response.headers["cache-control"] == "no-store"


async def test_compares_the_address_without_regard_to_case(client: AsyncClient) -> None:
    await register(client, "Ada@Example.com")

    assert (await log_in(client, "aDA@example.COM")).status_code == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.com", "not her password"), ("nobody@example.com", PASSWORD)],
)
async def test_does_not_say_which_of_the_two_was_wrong(
    client: AsyncClient, email: str, password: str
) -> None:
    await register(client, "ada@example.com")

    response = await log_in(client, email, password)

    problem = assert_problem(response, 401, "invalid_credentials")
    assert problem["detail"] == "The e-mail address or the password is wrong."
    assert response.headers["www-authenticate"] == "Bearer"


async def test_refuses_a_deactivated_account(client: AsyncClient, connection: Connection) -> None:
    await register(client)
    await connection.execute("UPDATE users SET is_active = false")

    assert_problem(await log_in(client), 401, "invalid_credentials")


class TestPasswords:
    @pytest.mark.parametrize(
        "password",
        ["пароль из слов", "🔑" * 12, "a" * 128, " spaces at both ends ", "naïve café bar"],
    )
    async def test_may_be_of_any_characters(self, client: AsyncClient, password: str) -> None:
        assert (await register(client, password=password)).status_code == 201

        assert (await log_in(client, password=password)).status_code == 200

    async def test_are_the_same_composed_and_decomposed(self, client: AsyncClient) -> None:
        await register(client, password="cre\u0300me bru\u0302le\u0301e")

        assert (await log_in(client, password="crème brûlée")).status_code == 200

    async def test_are_never_truncated(self, client: AsyncClient) -> None:
        await register(client, password="a" * 127 + "b")

        assert_problem(await log_in(client, password="a" * 127 + "c"), 401, "invalid_credentials")

    @pytest.mark.parametrize("password", ["a" * 11, "a" * 129])
    async def test_have_12_to_128_characters(self, client: AsyncClient, password: str) -> None:
        response = await register(client, password=password)

        problem = assert_problem(response, 422, "validation_error")
        assert [error["field"] for error in problem["errors"]] == ["password"]
        assert password not in response.text

    async def test_are_stored_as_argon2id(
        self, client: AsyncClient, connection: Connection
    ) -> None:
        await register(client)

        stored = await connection.fetchval("SELECT password_hash FROM users")

        assert stored.startswith("$argon2id$")
        assert PASSWORD not in stored


class TestRehashing:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"argon2_time_cost": 2})

    async def test_follows_parameters_that_have_been_raised(
        self, client: AsyncClient, connection: Connection
    ) -> None:
        await register(client)
        weak = "$argon2id$v=19$m=8,t=1,p=1$"
        hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        await connection.execute("UPDATE users SET password_hash = $1", hasher.hash(PASSWORD))

        await log_in(client)

        stored = await connection.fetchval("SELECT password_hash FROM users")
        assert not stored.startswith(weak)
        assert (await log_in(client)).status_code == 200


async def test_the_access_token_opens_the_account(client: AsyncClient) -> None:
    await register(client, "ada@example.com")
    tokens = (await log_in(client, "ada@example.com")).json()

    response = await client.get("/api/v1/users/me", headers=bearer(tokens["access_token"]))

    assert response.json()["email"] == "ada@example.com"
