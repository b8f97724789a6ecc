"""The audit trail: what happened to whom, once, and no secret."""

import asyncio
import errno
import io
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jwt
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.db import Connection
from app.ops import logging
from app.settings import Settings
from tests.support.api import (
    PASSWORD,
    Account,
    assert_problem,
    bearer,
    log_in,
    register,
    sign_up,
)
from tests.support.processes import PROJECT, environment_of, serving

HERE = "127.0.0.1"
NEW_PASSWORD = "another horse, another battery"

EVENTS = {
    "audit.registered",
    "audit.login_succeeded",
    "audit.login_failed",
    "audit.rate_limited",
    "audit.refreshed",
    "audit.refresh_token_reused",
    "audit.logged_out",
    "audit.password_confirmation_failed",
    "audit.password_changed",
    "audit.role_changed",
    "audit.deactivated",
    "audit.reactivated",
    "audit.account_deleted",
}


class Trail:
    """The audit events since one has last asked."""

    def __init__(self, logs: list[EventDict]) -> None:
        self._logs = logs

    def take(self) -> list[dict[str, Any]]:
        taken = [dict(line) for line in self._logs if line["event"].startswith("audit.")]
        self._logs.clear()
        assert all(line.pop("log_level") == "info" for line in taken)
        return taken


@pytest.fixture
def trail() -> Iterator[Trail]:
    with capture_logs([merge_contextvars]) as logs:
        yield Trail(logs)


@pytest.fixture
async def user(client: AsyncClient, trail: Trail) -> Account:
    account = await sign_up(client, "user@example.com")
    trail.take()
    return account


@pytest.fixture
async def administrator(client: AsyncClient, connection: Connection, trail: Trail) -> Account:
    account = await sign_up(client, "admin@example.com")
    await connection.execute("UPDATE users SET role = 'admin' WHERE email = $1", account.email)
    trail.take()
    return account


def event(name: str, response: Response, **fields: Any) -> dict[str, Any]:
    """What is to be logged of a request from here."""
    return {
        "event": f"audit.{name}",
        "request_id": response.headers["x-request-id"],
        "client_address": HERE,
        **fields,
    }


def session_of(access_token: str) -> Any:
    """The session's id, as the log has it."""
    sid = jwt.decode(access_token, options={"verify_signature": False})["sid"]
    return int(sid) if sid.isdecimal() else sid


async def refresh(client: AsyncClient, refresh_token: str) -> Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh_token})


async def change_password(client: AsyncClient, user: Account, current: str = PASSWORD) -> Response:
    return await client.put(
        "/api/v1/users/me/password",
        headers=user.headers,
        json={"current_password": current, "new_password": NEW_PASSWORD},
    )


async def delete(client: AsyncClient, user: Account) -> Response:
    return await client.request(
        "DELETE", "/api/v1/users/me", headers=user.headers, json={"current_password": PASSWORD}
    )


async def manage(client: AsyncClient, by: Account, whom: Account, **changes: object) -> Response:
    return await client.patch(f"/api/v1/users/{whom.id}", headers=by.headers, json=changes)


async def test_a_registration(client: AsyncClient, trail: Trail) -> None:
    response = await register(client)

    assert trail.take() == [
        event("registered", response, user_id=response.json()["id"], role="user")
    ]


async def test_a_login(client: AsyncClient, user: Account, trail: Trail) -> None:
    response = await log_in(client, user.email)

    session_id = session_of(response.json()["access_token"])
    assert trail.take() == [
        event("login_succeeded", response, user_id=user.id, session_id=session_id)
    ]


async def test_a_login_that_fails(client: AsyncClient, user: Account, trail: Trail) -> None:
    response = await log_in(client, user.email, "a wrong password")

    assert trail.take() == [event("login_failed", response, user_id=user.id)]


async def test_a_login_to_no_account(client: AsyncClient, trail: Trail) -> None:
    response = await log_in(client, "a-password-typed-here@example.com")

    assert trail.take() == [event("login_failed", response)]


class TestBehindProxies:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"trusted_proxies": 1})

    async def test_the_address_is_the_clients(self, app: FastAPI, trail: Trail) -> None:
        async with AsyncClient(
            transport=ASGITransport(app),
            base_url="http://service",
            headers={"X-Forwarded-For": "192.0.2.1"},
        ) as client:
            await log_in(client)

        assert [line["client_address"] for line in trail.take()] == ["192.0.2.1"]


class TestRateLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        once = "1 per minute"
        return settings.model_copy(
            update={"login_limit": once, "register_limit": once, "refresh_limit": once}
        )

    async def test_a_login_that_is_held_back(self, client: AsyncClient, trail: Trail) -> None:
        await log_in(client)
        trail.take()

        response = await log_in(client)

        assert_problem(response, 429, "too_many_attempts")
        assert trail.take() == [event("rate_limited", response, attempt="login")]

    async def test_a_registration_that_is_held_back(
        self, client: AsyncClient, trail: Trail
    ) -> None:
        await register(client)
        trail.take()

        response = await register(client)

        assert trail.take() == [event("rate_limited", response, attempt="registration")]

    async def test_a_refresh_that_is_held_back(self, client: AsyncClient, trail: Trail) -> None:
        await refresh(client, "unknown")

        response = await refresh(client, "unknown")

        assert trail.take() == [event("rate_limited", response, attempt="refresh")]


class TestSessions:
    async def test_a_refresh(self, client: AsyncClient, user: Account, trail: Trail) -> None:
        response = await refresh(client, user.refresh_token)

        session_id = session_of(user.access_token)
        assert trail.take() == [
            event("refreshed", response, user_id=user.id, session_id=session_id, retried=False)
        ]

    async def test_a_refresh_whose_answer_was_lost(
        self, client: AsyncClient, user: Account, trail: Trail
    ) -> None:
        await asyncio.gather(*(refresh(client, user.refresh_token) for _ in range(10)))

        refreshes = trail.take()
        assert {line["event"] for line in refreshes} == {"audit.refreshed"}
        assert sorted(line["retried"] for line in refreshes) == [False] + [True] * 9

    async def test_a_token_used_again(
        self, client: AsyncClient, user: Account, trail: Trail
    ) -> None:
        second = (await refresh(client, user.refresh_token)).json()
        await refresh(client, second["refresh_token"])
        trail.take()

        response = await refresh(client, user.refresh_token)

        assert_problem(response, 401, "invalid_refresh_token")
        session_id = session_of(user.access_token)
        assert trail.take() == [
            event("refresh_token_reused", response, user_id=user.id, session_id=session_id)
        ]

    async def test_a_session_is_revoked_once_however_many_use_its_tokens_again(
        self, client: AsyncClient, user: Account, trail: Trail
    ) -> None:
        second = (await refresh(client, user.refresh_token)).json()
        await refresh(client, second["refresh_token"])
        trail.take()

        await asyncio.gather(*(refresh(client, user.refresh_token) for _ in range(10)))

        assert [line["event"] for line in trail.take()] == ["audit.refresh_token_reused"]

    async def test_a_logout(self, client: AsyncClient, user: Account, trail: Trail) -> None:
        response = await client.post("/api/v1/auth/logout", headers=user.headers)

        session_id = session_of(user.access_token)
        assert trail.take() == [
            event("logged_out", response, user_id=user.id, session_id=session_id)
        ]


class TestAccounts:
    async def test_a_new_password(self, client: AsyncClient, user: Account, trail: Trail) -> None:
        response = await change_password(client, user)

        session_id = session_of(user.access_token)
        assert trail.take() == [
            event("password_changed", response, user_id=user.id, session_id=session_id)
        ]

    async def test_a_password_that_is_not_the_accounts(
        self, client: AsyncClient, user: Account, trail: Trail
    ) -> None:
        response = await change_password(client, user, current="a guess")

        session_id = session_of(user.access_token)
        assert trail.take() == [
            event("password_confirmation_failed", response, user_id=user.id, session_id=session_id)
        ]

    async def test_a_deletion(self, client: AsyncClient, user: Account, trail: Trail) -> None:
        response = await delete(client, user)

        session_id = session_of(user.access_token)
        assert trail.take() == [
            event("account_deleted", response, user_id=user.id, session_id=session_id)
        ]


class TestAdministration:
    async def test_a_new_role(
        self, client: AsyncClient, administrator: Account, user: Account, trail: Trail
    ) -> None:
        response = await manage(client, administrator, user, role="admin")

        assert trail.take() == [
            event(
                "role_changed",
                response,
                user_id=user.id,
                role="admin",
                previous_role="user",
                actor=administrator.id,
            )
        ]

    async def test_a_deactivation_and_its_end(
        self, client: AsyncClient, administrator: Account, user: Account, trail: Trail
    ) -> None:
        first = await manage(client, administrator, user, is_active=False)
        second = await manage(client, administrator, user, is_active=True)

        who = {"user_id": user.id, "actor": administrator.id}
        assert trail.take() == [
            event("deactivated", first, **who),
            event("reactivated", second, **who),
        ]

    async def test_both_at_once_are_two_events(
        self, client: AsyncClient, administrator: Account, user: Account, trail: Trail
    ) -> None:
        await manage(client, administrator, user, role="admin", is_active=False)

        assert [line["event"] for line in trail.take()] == [
            "audit.role_changed",
            "audit.deactivated",
        ]


class TestWhatDidNotHappen:
    async def test_leaves_no_line(
        self, client: AsyncClient, administrator: Account, user: Account, trail: Trail
    ) -> None:
        await register(client, user.email)
        await register(client, "new@example.com", password="too short")
        await refresh(client, "unknown")
        await client.post("/api/v1/auth/logout")
        await manage(client, administrator, user, role="user")
        await manage(client, administrator, administrator, role="user")
        await manage(client, user, administrator, role="user")
        await delete(client, administrator)

        assert trail.take() == []

    async def test_leaves_no_line_when_it_is_rolled_back_at_the_last_moment(
        self,
        client: AsyncClient,
        administrator: Account,
        user: Account,
        connection: Connection,
        trail: Trail,
    ) -> None:
        await connection.execute("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'no'; END
            $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON users
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
        """)

        answers = [
            await register(client, "new@example.com"),
            await change_password(client, user),
            await delete(client, user),
            await manage(client, administrator, user, role="admin"),
        ]

        assert [answer.status_code for answer in answers] == [500] * 4
        assert trail.take() == []

    async def test_a_registration_that_is_second_leaves_no_line(
        self, client: AsyncClient, trail: Trail
    ) -> None:
        await asyncio.gather(*(register(client) for _ in range(20)))

        assert [line["event"] for line in trail.take()] == ["audit.registered"]


def test_the_readme_lists_every_event() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `(audit\.\w+)` \|", readme, re.MULTILINE)) == EVENTS


class FullDisk(io.StringIO):
    def write(self, _text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_no_level_silences_the_trail(client: AsyncClient) -> None:
    log = io.StringIO()
    logging.configure("error", "json", log)
    try:
        await register(client)
    finally:
        logging.configure("info", "console")

    assert json.loads(log.getvalue())["message"] == "audit.registered"


async def test_a_log_that_cant_be_written_fails_no_request(client: AsyncClient) -> None:
    logging.configure("info", "json", FullDisk())
    try:
        assert (await register(client)).status_code == 201
        assert (await log_in(client)).status_code == 200
    finally:
        logging.configure("info", "console")


class TestTheWholeLog:
    @pytest.fixture
    def environment(self, settings: Settings) -> dict[str, str]:
        return environment_of(settings) | {"LOGIN_LIMIT": "2 per minute"}

    @pytest.fixture(params=["json", "console"])
    def log_format(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    async def test_has_every_event_and_no_secret(
        self, environment: dict[str, str], connection: Connection, log_format: str
    ) -> None:
        environment |= {"LOG_FORMAT": log_format, "LOG_LEVEL": "debug"}
        async with serving(environment) as (process, url):
            async with AsyncClient(base_url=url, timeout=30) as client:
                secrets = [secret async for secret in everything(client, connection)]
            process.signal(signal.SIGTERM)
            assert await process.exit_code() == 0

        assert [name for name in EVENTS if name not in process.output] == []
        assert [secret for secret in secrets if secret in process.output] == []


async def everything(client: AsyncClient, connection: Connection) -> AsyncIterator[str]:
    """Do all that leaves a line. Yields what must not be in the log."""
    administrator = await sign_up(client, "admin@example.com")
    await connection.execute("UPDATE users SET role = 'admin'")
    user = await sign_up(client, "user@example.com")
    accounts = [administrator, user]
    await change_password(client, user, current="a wrong password")
    await change_password(client, user)
    second = (await refresh(client, user.refresh_token)).json()
    third = (await refresh(client, second["refresh_token"])).json()
    hashes = await connection.fetch(
        "SELECT password_hash AS hash FROM users"
        " UNION ALL SELECT encode(hash, 'hex') FROM refresh_tokens"
        " UNION ALL SELECT encode(successor_key, 'hex') FROM refresh_tokens WHERE spent_at IS NULL"
    )
    await refresh(client, user.refresh_token)
    await manage(client, administrator, user, role="admin")
    await manage(client, administrator, user, is_active=False)
    await manage(client, administrator, user, is_active=True)
    fourth = (await log_in(client, user.email, NEW_PASSWORD)).json()
    await client.post("/api/v1/auth/logout", headers=bearer(fourth["access_token"]))
    for _ in range(3):
        await log_in(client, "nobody@example.com", "a wrong password")
    await client.request(
        "DELETE",
        "/api/v1/users/me",
        headers=administrator.headers,
        json={"current_password": PASSWORD},
    )
    for pair in (second, third, fourth):
        yield pair["access_token"]
        yield pair["refresh_token"]
    for account in accounts:
        yield account.email
        yield account.access_token
        yield account.refresh_token
    for row in hashes:
        if row["hash"]:
            yield row["hash"]
    for text in (PASSWORD, NEW_PASSWORD, "a wrong password", "nobody@example.com"):
        yield text
