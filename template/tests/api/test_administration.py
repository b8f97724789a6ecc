"""Managing users: for administrators."""

import asyncio

import pytest
from httpx import AsyncClient, Response

from app.db import Connection
from app.ids import LAST_ID
from tests.support.api import Account, assert_problem, log_in, sign_up


@pytest.fixture
async def administrator(client: AsyncClient, connection: Connection) -> Account:
    account = await sign_up(client, "admin@example.com")
    await connection.execute("UPDATE users SET role = 'admin' WHERE email = $1", account.email)
    return account


@pytest.fixture
async def user(client: AsyncClient) -> Account:
    return await sign_up(client, "user@example.com")


async def manage(client: AsyncClient, by: Account, whom: Account, **changes: object) -> Response:
    return await client.patch(f"/api/v1/users/{whom.id}", headers=by.headers, json=changes)


class TestListing:
    async def test_shows_the_newest_first(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        response = await client.get("/api/v1/users", headers=administrator.headers)

        assert response.status_code == 200
        page = response.json()
        assert [item["email"] for item in page["items"]] == [user.email, administrator.email]
        assert page["next_cursor"] is None
        assert "password_hash" not in page["items"][0]

    async def test_finds_one_by_address(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        response = await client.get(
            "/api/v1/users", headers=administrator.headers, params={"email": "USER@example.com"}
        )

        assert [item["id"] for item in response.json()["items"]] == [user.id]

    @pytest.mark.parametrize("email", ["nobody@example.com", "user@example.co"])
    async def test_is_empty_for_an_address_that_nobody_has(
        self, client: AsyncClient, administrator: Account, user: Account, email: str
    ) -> None:
        response = await client.get(
            "/api/v1/users", headers=administrator.headers, params={"email": email}
        )

        assert response.json() == {"items": [], "next_cursor": None}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("email", "nobody"),
            ("limit", "0"),
            ("limit", "101"),
            ("limit", "1_0"),
            ("limit", "+1"),
            ("cursor", "x"),
            ("cursor", "MV8w"),  # 1_0
        ],
    )
    async def test_refuses(
        self, client: AsyncClient, administrator: Account, name: str, value: str
    ) -> None:
        response = await client.get(
            "/api/v1/users", headers=administrator.headers, params={name: value}
        )

        problem = assert_problem(response, 422, "validation_error")
        assert [error["field"] for error in problem["errors"]] == [name]

    async def test_goes_through_pages(self, client: AsyncClient, administrator: Account) -> None:
        newer = [(await sign_up(client)).id for _ in range(4)]
        expected = [*newer[::-1], administrator.id]
        found: list[object] = []
        cursor = None
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (
                await client.get("/api/v1/users", headers=administrator.headers, params=params)
            ).json()
            found.extend(item["id"] for item in page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                break

        assert found == expected

    async def test_is_for_administrators(self, client: AsyncClient, user: Account) -> None:
        assert_problem(await client.get("/api/v1/users", headers=user.headers), 403, "forbidden")
        assert_problem(await client.get("/api/v1/users"), 401, "missing_token")


class TestManaging:
    async def test_appoints(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        response = await manage(client, administrator, user, role="admin")

        assert response.status_code == 200
        assert response.json()["role"] == "admin"

    async def test_of_nobody_is_not_found(
        self, client: AsyncClient, administrator: Account
    ) -> None:
        response = await client.patch(
            f"/api/v1/users/{LAST_ID}", headers=administrator.headers, json={"role": "admin"}
        )

        assert_problem(response, 404, "not_found")

    async def test_of_a_role_revokes_the_users_tokens(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        await manage(client, administrator, user, role="admin")

        response = await client.get("/api/v1/users/me", headers=user.headers)

        assert_problem(response, 401, "revoked_token")

    async def test_deactivates_at_once(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        response = await manage(client, administrator, user, is_active=False)

        assert response.json()["is_active"] is False
        me = await client.get("/api/v1/users/me", headers=user.headers)
        assert_problem(me, 401, "revoked_token")
        assert_problem(await log_in(client, user.email), 401, "invalid_credentials")
        refreshed = await client.post(
            "/api/v1/auth/refresh", json={"refresh_token": user.refresh_token}
        )
        assert_problem(refreshed, 401, "invalid_refresh_token")

    async def test_activates_again(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        await manage(client, administrator, user, is_active=False)

        await manage(client, administrator, user, is_active=True)

        assert (await log_in(client, user.email)).status_code == 200

    async def test_of_nothing_revokes_nothing(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        response = await manage(client, administrator, user, role="user")

        assert response.status_code == 200
        me = await client.get("/api/v1/users/me", headers=user.headers)
        assert me.status_code == 200

    async def test_is_for_administrators(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        assert_problem(await manage(client, user, user, role="admin"), 403, "forbidden")

    @pytest.mark.parametrize("changes", [{"role": "emperor"}, {"role": None}, {"email": "x@y.z"}])
    async def test_refuses(
        self, client: AsyncClient, administrator: Account, user: Account, changes: dict[str, object]
    ) -> None:
        assert_problem(
            await manage(client, administrator, user, **changes), 422, "validation_error"
        )


class TestTheLastAdministrator:
    @pytest.mark.parametrize("changes", [{"role": "user"}, {"is_active": False}])
    async def test_can_not_be_lost(
        self, client: AsyncClient, administrator: Account, changes: dict[str, object]
    ) -> None:
        assert_problem(
            await manage(client, administrator, administrator, **changes), 409, "last_admin"
        )

        me = await client.get("/api/v1/users/me", headers=administrator.headers)
        assert me.status_code == 200

    async def test_is_the_last_beside_one_who_is_deactivated(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        await manage(client, administrator, user, role="admin", is_active=False)

        assert_problem(
            await manage(client, administrator, administrator, role="user"), 409, "last_admin"
        )

    async def test_may_step_down_when_there_is_another(
        self, client: AsyncClient, administrator: Account, user: Account
    ) -> None:
        await manage(client, administrator, user, role="admin")

        assert (await manage(client, administrator, administrator, role="user")).status_code == 200

    @pytest.mark.parametrize("changes", [{"role": "user"}, {"is_active": False}])
    async def test_one_is_left_when_two_lay_each_other_off(
        self,
        client: AsyncClient,
        administrator: Account,
        user: Account,
        connection: Connection,
        changes: dict[str, object],
    ) -> None:
        await connection.execute("UPDATE users SET role = 'admin'")

        first, second = await asyncio.gather(
            manage(client, administrator, user, **changes),
            manage(client, user, administrator, **changes),
        )

        # The slower one is told so, or is out before it is asked who it is.
        assert sorted([first.status_code, second.status_code]) in ([200, 409], [200, 401])
        left = await connection.fetchval(
            "SELECT count(*) FROM users WHERE role = 'admin' AND is_active"
        )
        assert left == 1

    async def test_one_is_left_when_two_delete_themselves(
        self, client: AsyncClient, administrator: Account, user: Account, connection: Connection
    ) -> None:
        await connection.execute("UPDATE users SET role = 'admin'")

        responses = await asyncio.gather(
            *(
                client.request(
                    "DELETE",
                    "/api/v1/users/me",
                    headers=account.headers,
                    json={"current_password": account.password},
                )
                for account in (administrator, user)
            )
        )

        assert sorted(response.status_code for response in responses) == [204, 409]
        assert await connection.fetchval("SELECT count(*) FROM users") == 1
