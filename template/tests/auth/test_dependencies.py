"""Who is asking: the names that handlers declare, and what each lets through."""

from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, Depends, FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from app import resources
from app.auth.dependencies import (
    AdminUser,
    Claims,
    CurrentUser,
    OptionalUser,
    require_admin,
    require_user,
)
from app.db import Connection
from app.ids import LAST_ID, SessionId, UserId
from app.main import create_app
from app.settings import Settings
from app.users.roles import Role
from tests.support.api import Account, assert_problem, bearer, sign_up

NOWHERE = SecretStr("postgresql://somebody@127.0.0.1:1/nothing")

asked = APIRouter(prefix="/asked")
"""Each handler says whom it was told of."""


@asked.get("/claims")
async def claims(claims: Claims) -> str:
    return str(claims.user_id)


@asked.get("/current")
async def current(user: CurrentUser) -> str:
    return str(user.id)


@asked.get("/optional")
async def optional(user: OptionalUser) -> str:
    return str(user.id) if user else "nobody"


@asked.get("/admin")
async def admin(user: AdminUser) -> str:
    return str(user.id)


@asked.get("/both")
async def both(claims: Claims, user: CurrentUser) -> str:
    return f"{claims.user_id} {user.id}"


users_only = APIRouter(prefix="/users-only", dependencies=[Depends(require_user)])
admins_only = APIRouter(prefix="/admins-only", dependencies=[Depends(require_admin)])


@users_only.get("/thing")
async def a_users_thing() -> str:
    return "a thing"


@admins_only.get("/thing")
async def an_admins_thing() -> str:
    return "a thing"


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    for router in (asked, users_only, admins_only):
        app.include_router(router)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def user(client: AsyncClient) -> Account:
    return await sign_up(client)


@pytest.fixture
async def administrator(client: AsyncClient, connection: Connection) -> Account:
    account = await sign_up(client)
    await connection.execute("UPDATE users SET role = 'admin' WHERE email = $1", account.email)
    return account


@pytest.mark.parametrize("path", ["claims", "current", "optional"])
async def test_a_user_is_told_of(client: AsyncClient, user: Account, path: str) -> None:
    response = await client.get(f"/asked/{path}", headers=user.headers)

    assert (response.status_code, response.json()) == (200, str(user.id))


async def test_claims_and_user_may_be_asked_for_at_once(client: AsyncClient, user: Account) -> None:
    response = await client.get("/asked/both", headers=user.headers)

    assert response.json() == f"{user.id} {user.id}"


@pytest.mark.parametrize("path", ["claims", "current", "admin"])
async def test_without_a_token_there_is_nobody_to_tell_of(client: AsyncClient, path: str) -> None:
    assert_problem(await client.get(f"/asked/{path}"), 401, "missing_token")


async def test_an_optional_user_may_be_nobody(client: AsyncClient) -> None:
    assert (await client.get("/asked/optional")).json() == "nobody"


@pytest.mark.parametrize("path", ["claims", "current", "optional", "admin"])
async def test_a_bad_token_is_refused(client: AsyncClient, path: str) -> None:
    response = await client.get(f"/asked/{path}", headers=bearer("bad"))

    assert_problem(response, 401, "invalid_token")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi"])
async def test_an_optional_user_who_is_no_bearer_is_refused(
    client: AsyncClient, header: str
) -> None:
    """Not a silent anonymous answer: the caller meant to be somebody."""
    response = await client.get("/asked/optional", headers={"Authorization": header})

    assert_problem(response, 401, "missing_token")


@pytest.mark.parametrize("path", ["current", "optional", "admin", "both"])
async def test_a_revoked_token_is_refused(
    client: AsyncClient, user: Account, connection: Connection, path: str
) -> None:
    await connection.execute("DELETE FROM sessions")

    response = await client.get(f"/asked/{path}", headers=user.headers)

    assert_problem(response, 401, "revoked_token")


async def test_claims_alone_need_no_database(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"database_url": NOWHERE}))
    app.include_router(asked)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://service") as client,
    ):
        opened: resources.Resources = app.state.resources
        token = opened.access_tokens.issue(UserId(LAST_ID), SessionId(LAST_ID), Role.USER)

        response = await client.get("/asked/claims", headers=bearer(token))

        assert (response.status_code, response.json()) == (200, str(LAST_ID))
        asked_for_user = await client.get("/asked/current", headers=bearer(token))
        assert_problem(asked_for_user, 503, "unavailable")


async def test_an_administrator_is_told_of(client: AsyncClient, administrator: Account) -> None:
    response = await client.get("/asked/admin", headers=administrator.headers)

    assert (response.status_code, response.json()) == (200, str(administrator.id))


async def test_others_are_no_administrators(client: AsyncClient, user: Account) -> None:
    assert_problem(await client.get("/asked/admin", headers=user.headers), 403, "forbidden")


class TestAWholeRouter:
    @pytest.mark.parametrize("prefix", ["users-only", "admins-only"])
    async def test_is_protected_in_one_line(self, client: AsyncClient, prefix: str) -> None:
        assert_problem(await client.get(f"/{prefix}/thing"), 401, "missing_token")

    async def test_is_open_to_those_it_is_for(
        self, client: AsyncClient, user: Account, administrator: Account
    ) -> None:
        for path, account, status in (
            ("/users-only/thing", user, 200),
            ("/users-only/thing", administrator, 200),
            ("/admins-only/thing", administrator, 200),
            ("/admins-only/thing", user, 403),
        ):
            response = await client.get(path, headers=account.headers)
            assert response.status_code == status, path

    @pytest.mark.parametrize("prefix", ["users-only", "admins-only", "api/v1/users", "api/v1"])
    async def test_does_not_hide_that_a_path_is_unknown(
        self, client: AsyncClient, prefix: str
    ) -> None:
        response = await client.get(f"/{prefix}/no/such/thing")

        assert_problem(response, 404, "not_found")

    async def test_does_not_hide_that_a_method_is_unknown(self, client: AsyncClient) -> None:
        assert_problem(await client.delete("/users-only/thing"), 405, "method_not_allowed")

    async def test_is_described_as_protected(self, client: AsyncClient) -> None:
        paths = (await client.get("/openapi.json")).json()["paths"]

        assert paths["/users-only/thing"]["get"]["security"] == [{"Bearer": []}]
        assert paths["/admins-only/thing"]["get"]["security"] == [{"Bearer": []}]
