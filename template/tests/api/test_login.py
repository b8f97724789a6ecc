"""Logging in."""

import asyncio

import argon2
import pytest
from httpx import AsyncClient

from app.db import Connection
from app.settings import Settings
from tests.support.api import PASSWORD, Account, assert_problem, bearer, log_in, register, sign_up
from tests.support.waiting import WAITING, until, until_waited_for


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

    async def test_at_many_logins_at_once_refuses_none_of_them(
        self, client: AsyncClient, connection: Connection
    ) -> None:
        await register(client)
        hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        await connection.execute("UPDATE users SET password_hash = $1", hasher.hash(PASSWORD))

        responses = await asyncio.gather(*(log_in(client) for _ in range(10)))

        assert {response.status_code for response in responses} == {200}


class TestWhileThePasswordIsChanged:
    """A login that has read the account before the change, and goes on after it."""

    @pytest.fixture
    async def account(self, client: AsyncClient) -> Account:
        return await sign_up(client)

    async def test_the_old_one_opens_no_session(
        self, client: AsyncClient, account: Account, connection: Connection
    ) -> None:
        async with connection.transaction():
            # Where the service is when it revokes the sessions: it does not see the login's yet.
            await connection.execute("UPDATE users SET password_hash = '$another$'")
            await connection.execute("DELETE FROM sessions")
            response = asyncio.create_task(log_in(client, account.email))
            await until(lambda: connection.fetchval(WAITING))

        assert_problem(await response, 401, "invalid_credentials")
        assert await connection.fetchval("SELECT count(*) FROM sessions") == 0

    async def test_a_deactivation_is_not_missed(
        self, client: AsyncClient, account: Account, connection: Connection
    ) -> None:
        async with connection.transaction():
            await connection.execute("UPDATE users SET is_active = false")
            await connection.execute("DELETE FROM sessions")
            response = asyncio.create_task(log_in(client, account.email))
            await until(lambda: connection.fetchval(WAITING))

        assert_problem(await response, 401, "invalid_credentials")
        assert await connection.fetchval("SELECT count(*) FROM sessions") == 0

    async def test_a_hash_made_anew_does_not_refuse_the_login(
        self, client: AsyncClient, account: Account, connection: Connection
    ) -> None:
        anew = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        async with connection.transaction():
            await connection.execute("UPDATE users SET password_hash = $1", anew)
            response = asyncio.create_task(log_in(client, account.email))
            await until(lambda: connection.fetchval(WAITING))

        assert (await response).status_code == 200


async def test_the_access_token_opens_the_account(client: AsyncClient) -> None:
    await register(client, "ada@example.com")
    tokens = (await log_in(client, "ada@example.com")).json()

    response = await client.get("/api/v1/users/me", headers=bearer(tokens["access_token"]))

    assert response.json()["email"] == "ada@example.com"


async def test_of_an_account_that_is_deleted_meanwhile_is_refused(
    client: AsyncClient, connection: Connection
) -> None:
    await register(client)
    async with connection.transaction():
        await connection.execute("DELETE FROM users")
        response = asyncio.create_task(log_in(client))
        await until_waited_for(connection)

    assert_problem(await response, 401, "invalid_credentials")
