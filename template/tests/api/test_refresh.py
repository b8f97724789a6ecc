"""Staying logged in, and noticing a stolen refresh token."""

import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient, Response

from app.db import Connection
from app.settings import Settings
from tests.support.api import Account, assert_problem, bearer, sign_up
from tests.support.waiting import WAITING, until


async def refresh(client: AsyncClient, refresh_token: str) -> Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh_token})


async def me(client: AsyncClient, access_token: str) -> Response:
    return await client.get("/api/v1/users/me", headers=bearer(access_token))


@pytest.fixture
async def user(client: AsyncClient) -> Account:
    return await sign_up(client)


async def test_answers_with_a_new_pair(client: AsyncClient, user: Account) -> None:
    response = await refresh(client, user.refresh_token)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    tokens = response.json()
    assert tokens["refresh_token"] != user.refresh_token
    assert tokens["access_token"] != user.access_token
    assert (await me(client, tokens["access_token"])).status_code == 200


async def test_goes_on_from_one_token_to_the_next(client: AsyncClient, user: Account) -> None:
    token = user.refresh_token
    for _ in range(3):
        token = (await refresh(client, token)).json()["refresh_token"]

    assert (await refresh(client, token)).status_code == 200


@pytest.mark.parametrize("token", ["unknown", "a" * 43, "é"])
async def test_refuses_an_unknown_token(client: AsyncClient, token: str) -> None:
    assert_problem(await refresh(client, token), 401, "invalid_refresh_token")


@pytest.mark.parametrize("token", [None, 1, "", "secret" * 22])
async def test_refuses_what_can_be_no_token_and_does_not_repeat_it(
    client: AsyncClient, token: object
) -> None:
    response = await client.post("/api/v1/auth/refresh", json={"refresh_token": token})

    assert_problem(response, 422, "validation_error")
    assert "secret" not in response.text


async def test_refuses_an_access_token(client: AsyncClient, user: Account) -> None:
    response = await refresh(client, user.access_token[:128])

    assert_problem(response, 401, "invalid_refresh_token")


class TestSpentToken:
    async def test_within_the_grace_gives_the_same_successor(
        self, client: AsyncClient, user: Account
    ) -> None:
        first = (await refresh(client, user.refresh_token)).json()

        again = await refresh(client, user.refresh_token)

        assert again.status_code == 200
        assert again.json()["refresh_token"] == first["refresh_token"]
        assert (await me(client, again.json()["access_token"])).status_code == 200

    async def test_revokes_the_session_when_the_successor_was_used(
        self, client: AsyncClient, user: Account
    ) -> None:
        second = (await refresh(client, user.refresh_token)).json()
        third = (await refresh(client, second["refresh_token"])).json()

        response = await refresh(client, user.refresh_token)

        assert_problem(response, 401, "invalid_refresh_token")
        assert_problem(await me(client, third["access_token"]), 401, "revoked_token")
        assert_problem(await refresh(client, third["refresh_token"]), 401, "invalid_refresh_token")

    async def test_revokes_the_session_past_the_grace(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        second = (await refresh(client, user.refresh_token)).json()
        await connection.execute(
            "UPDATE refresh_tokens SET spent_at = spent_at - interval '11 seconds'"
            " WHERE spent_at IS NOT NULL"
        )

        response = await refresh(client, user.refresh_token)

        assert_problem(response, 401, "invalid_refresh_token")
        assert_problem(await me(client, second["access_token"]), 401, "revoked_token")

    async def test_leaves_the_users_other_sessions_alone(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        other = await client.post(
            "/api/v1/auth/login", json={"email": user.email, "password": user.password}
        )
        second = (await refresh(client, user.refresh_token)).json()
        await refresh(client, second["refresh_token"])
        await refresh(client, user.refresh_token)

        assert await connection.fetchval("SELECT count(*) FROM sessions") == 1
        assert (await me(client, other.json()["access_token"])).status_code == 200


class TestWithoutGrace:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"refresh_grace": 0})

    async def test_every_second_use_revokes(self, client: AsyncClient, user: Account) -> None:
        await refresh(client, user.refresh_token)

        response = await refresh(client, user.refresh_token)

        assert_problem(response, 401, "invalid_refresh_token")
        assert_problem(await me(client, user.access_token), 401, "revoked_token")


async def test_fifty_at_once_yield_one_successor(
    client: AsyncClient, user: Account, connection: Connection
) -> None:
    responses = await asyncio.gather(*(refresh(client, user.refresh_token) for _ in range(50)))

    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["refresh_token"] for response in responses}) == 1
    assert await connection.fetchval("SELECT count(*) FROM refresh_tokens") == 2


async def test_ends_with_the_session(
    client: AsyncClient, user: Account, connection: Connection
) -> None:
    await connection.execute("UPDATE sessions SET expires_at = now()")

    assert_problem(await refresh(client, user.refresh_token), 401, "invalid_refresh_token")
    assert_problem(await me(client, user.access_token), 401, "revoked_token")


class TestLifetimes:
    """A session that is not used ends after two days, and after five days in any case."""

    DAY = timedelta(days=1)

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        day = self.DAY.total_seconds()
        return settings.model_copy(
            update={"refresh_token_lifetime": 2 * day, "session_lifetime": 5 * day}
        )

    async def pass_time(self, connection: Connection, days: float) -> None:
        """Let the session be older."""
        await connection.execute(
            "UPDATE sessions SET created_at = created_at - $1::interval,"
            " expires_at = expires_at - $1::interval",
            days * self.DAY,
        )

    async def test_a_session_ends_when_it_is_not_used(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        await self.pass_time(connection, days=2)

        assert_problem(await refresh(client, user.refresh_token), 401, "invalid_refresh_token")

    async def test_a_refresh_begins_the_wait_anew(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        token = user.refresh_token
        for _ in range(2):
            await self.pass_time(connection, days=1.9)
            token = (await refresh(client, token)).json()["refresh_token"]

    async def test_no_refresh_puts_off_the_end_of_the_whole(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        token = user.refresh_token
        for _ in range(4):
            await self.pass_time(connection, days=1)
            token = (await refresh(client, token)).json()["refresh_token"]
        await self.pass_time(connection, days=1)

        assert_problem(await refresh(client, token), 401, "invalid_refresh_token")

    async def test_the_shorter_one_counts_from_the_login_on(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        left = await connection.fetchval("SELECT expires_at - created_at FROM sessions")

        assert left == 2 * self.DAY


async def test_beside_a_logout_neither_waits_for_the_other_for_ever(
    client: AsyncClient, user: Account, connection: Connection
) -> None:
    async with connection.transaction():
        # A logout locks the session, then its tokens. A refresh that did so the other way round
        # would now hold a token.
        await connection.execute("SELECT FROM sessions FOR UPDATE")
        response = asyncio.create_task(refresh(client, user.refresh_token))
        await until(lambda: connection.fetchval(WAITING))
        await connection.execute("DELETE FROM sessions")

    assert_problem(await response, 401, "invalid_refresh_token")


async def test_ends_with_the_account(
    client: AsyncClient, user: Account, connection: Connection
) -> None:
    await connection.execute("UPDATE users SET is_active = false")

    assert_problem(await refresh(client, user.refresh_token), 401, "invalid_refresh_token")


async def test_no_token_is_stored(
    client: AsyncClient, user: Account, connection: Connection
) -> None:
    await refresh(client, user.refresh_token)

    stored = await connection.fetchval("SELECT string_agg(t::text, '') FROM refresh_tokens t")

    assert user.refresh_token not in stored
    assert user.refresh_token.encode().hex() not in stored
