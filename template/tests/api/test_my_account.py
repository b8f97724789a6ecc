"""One's own account."""

import asyncio

import pytest
from httpx import AsyncClient

from app.db import Connection
from tests.support.api import Account, assert_problem, bearer, log_in, register, sign_up
from tests.support.waiting import WAITING, until

NEW_PASSWORD = "another horse, another battery"


@pytest.fixture
async def user(client: AsyncClient) -> Account:
    return await sign_up(client)


class TestReading:
    async def test_shows_the_account(self, client: AsyncClient, user: Account) -> None:
        response = await client.get("/api/v1/users/me", headers=user.headers)

        assert response.status_code == 200
        account = response.json()
        assert account.keys() == {"id", "email", "name", "role", "created_at", "updated_at"}
        assert account["id"] == user.id
        assert account["created_at"].endswith("Z")

    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await client.get("/api/v1/users/me"), 401, "missing_token")

    async def test_ends_with_a_deactivation(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        await connection.execute("UPDATE users SET is_active = false")

        response = await client.get("/api/v1/users/me", headers=user.headers)

        assert_problem(response, 401, "revoked_token")


class TestChanging:
    async def test_renames(self, client: AsyncClient, user: Account) -> None:
        response = await client.patch(
            "/api/v1/users/me", headers=user.headers, json={"name": "  Ada Lovelace "}
        )

        assert response.status_code == 200
        assert response.json()["name"] == "Ada Lovelace"
        assert response.json()["updated_at"] > response.json()["created_at"]

    async def test_of_nothing_changes_nothing(self, client: AsyncClient, user: Account) -> None:
        before = (await client.get("/api/v1/users/me", headers=user.headers)).json()

        response = await client.patch("/api/v1/users/me", headers=user.headers, json={})

        assert response.json() == before

    @pytest.mark.parametrize(
        "body",
        [{"name": None}, {"name": ""}, {"name": "  "}, {"name": "a\x00b"}, {"role": "admin"}],
    )
    async def test_refuses(
        self, client: AsyncClient, user: Account, body: dict[str, str | None]
    ) -> None:
        response = await client.patch("/api/v1/users/me", headers=user.headers, json=body)

        assert_problem(response, 422, "validation_error")


class TestChangingThePassword:
    async def test_lets_only_the_new_one_in(self, client: AsyncClient, user: Account) -> None:
        response = await client.put(
            "/api/v1/users/me/password",
            headers=user.headers,
            json={"current_password": user.password, "new_password": NEW_PASSWORD},
        )

        assert response.status_code == 204
        assert (await log_in(client, user.email)).status_code == 401
        assert (await log_in(client, user.email, NEW_PASSWORD)).status_code == 200

    async def test_revokes_every_other_session(self, client: AsyncClient, user: Account) -> None:
        elsewhere = (await log_in(client, user.email)).json()

        await client.put(
            "/api/v1/users/me/password",
            headers=user.headers,
            json={"current_password": user.password, "new_password": NEW_PASSWORD},
        )

        here = await client.get("/api/v1/users/me", headers=user.headers)
        assert here.status_code == 200
        there = await client.get("/api/v1/users/me", headers=bearer(elsewhere["access_token"]))
        assert_problem(there, 401, "revoked_token")

    async def test_leaves_this_session_to_go_on(self, client: AsyncClient, user: Account) -> None:
        await client.put(
            "/api/v1/users/me/password",
            headers=user.headers,
            json={"current_password": user.password, "new_password": NEW_PASSWORD},
        )

        response = await client.post(
            "/api/v1/auth/refresh", json={"refresh_token": user.refresh_token}
        )

        assert response.status_code == 200

    async def test_needs_the_current_one(self, client: AsyncClient, user: Account) -> None:
        response = await client.put(
            "/api/v1/users/me/password",
            headers=user.headers,
            json={"current_password": "a guess", "new_password": NEW_PASSWORD},
        )

        assert_problem(response, 401, "invalid_credentials")
        assert (await log_in(client, user.email)).status_code == 200

    async def test_of_two_at_once_lets_one_win(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        async with connection.transaction():
            # The first one: it has changed the password, and is about to say so.
            await connection.execute("UPDATE users SET password_hash = '$another$'")
            second = asyncio.create_task(
                client.put(
                    "/api/v1/users/me/password",
                    headers=user.headers,
                    json={"current_password": user.password, "new_password": NEW_PASSWORD},
                )
            )
            await until(lambda: connection.fetchval(WAITING))

        assert_problem(await second, 401, "invalid_credentials")
        assert await connection.fetchval("SELECT password_hash FROM users") == "$another$"

    async def test_refuses_a_short_one_and_does_not_repeat_it(
        self, client: AsyncClient, user: Account
    ) -> None:
        response = await client.put(
            "/api/v1/users/me/password",
            headers=user.headers,
            json={"current_password": user.password, "new_password": "too short"},
        )

        assert_problem(response, 422, "validation_error")
        assert "too short" not in response.text
        assert user.password not in response.text


class TestDeleting:
    async def test_removes_everything(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        response = await client.request(
            "DELETE",
            "/api/v1/users/me",
            headers=user.headers,
            json={"current_password": user.password},
        )

        assert response.status_code == 204
        assert_problem(
            await client.get("/api/v1/users/me", headers=user.headers), 401, "revoked_token"
        )
        assert (await log_in(client, user.email)).status_code == 401
        for table in ("users", "sessions", "refresh_tokens"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0

    async def test_needs_the_password(self, client: AsyncClient, user: Account) -> None:
        response = await client.request(
            "DELETE",
            "/api/v1/users/me",
            headers=user.headers,
            json={"current_password": "a guess"},
        )

        assert_problem(response, 401, "invalid_credentials")

    async def test_makes_the_address_free_again(self, client: AsyncClient, user: Account) -> None:
        await client.request(
            "DELETE",
            "/api/v1/users/me",
            headers=user.headers,
            json={"current_password": user.password},
        )

        assert (await register(client, user.email)).status_code == 201

    async def test_of_the_last_administrator_is_refused(
        self, client: AsyncClient, user: Account, connection: Connection
    ) -> None:
        await connection.execute("UPDATE users SET role = 'admin'")

        response = await client.request(
            "DELETE",
            "/api/v1/users/me",
            headers=user.headers,
            json={"current_password": user.password},
        )

        assert_problem(response, 409, "last_admin")
