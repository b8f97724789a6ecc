"""Logging out."""

from httpx import AsyncClient

from tests.support.api import assert_problem, bearer, log_in, sign_up


async def test_revokes_the_session_at_once(client: AsyncClient) -> None:
    user = await sign_up(client)

    response = await client.post("/api/v1/auth/logout", headers=user.headers)

    assert response.status_code == 204
    assert response.content == b""
    me = await client.get("/api/v1/users/me", headers=user.headers)
    assert_problem(me, 401, "revoked_token")
    refreshed = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": user.refresh_token}
    )
    assert_problem(refreshed, 401, "invalid_refresh_token")


async def test_leaves_other_sessions_alone(client: AsyncClient) -> None:
    user = await sign_up(client)
    elsewhere = (await log_in(client, user.email)).json()

    await client.post("/api/v1/auth/logout", headers=user.headers)

    me = await client.get("/api/v1/users/me", headers=bearer(elsewhere["access_token"]))
    assert me.status_code == 200


async def test_needs_a_token(client: AsyncClient) -> None:
    assert_problem(await client.post("/api/v1/auth/logout"), 401, "missing_token")


async def test_is_over_after_the_first_time(client: AsyncClient) -> None:
    user = await sign_up(client)
    await client.post("/api/v1/auth/logout", headers=user.headers)

    response = await client.post("/api/v1/auth/logout", headers=user.headers)

    assert_problem(response, 401, "revoked_token")
