"""Bounds on guessing."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from app.settings import Settings
from tests.support.api import PASSWORD, assert_problem, log_in, register, sign_up


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "login_limit": "3 per minute",
            "login_account_limit": "5 per minute",
            "register_limit": "2 per minute",
            "refresh_limit": "2 per minute",
            "trusted_proxies": 1,
        }
    )


def from_address(app: FastAPI, address: str) -> AsyncClient:
    """A client somewhere else, behind the proxy that is trusted."""
    return AsyncClient(
        transport=ASGITransport(app),
        base_url="http://service",
        headers={"X-Forwarded-For": address},
    )


async def test_wrong_passwords_are_bounded(client: AsyncClient) -> None:
    await register(client)
    for _ in range(3):
        assert_problem(await log_in(client, password="wrong"), 401, "invalid_credentials")

    response = await log_in(client, password="wrong")

    assert_problem(response, 429, "too_many_attempts")
    assert 1 <= int(response.headers["retry-after"]) <= 60


async def test_the_right_password_does_not_help_once_the_bound_is_reached(
    client: AsyncClient,
) -> None:
    await register(client)
    for _ in range(3):
        await log_in(client, password="wrong")

    assert_problem(await log_in(client), 429, "too_many_attempts")


async def test_unknown_accounts_are_bounded_alike(client: AsyncClient) -> None:
    answers = [(await log_in(client, "nobody@example.com")).status_code for _ in range(4)]

    assert answers == [401, 401, 401, 429]


async def test_guesses_at_the_same_time_are_counted(client: AsyncClient) -> None:
    await register(client)

    answers = await asyncio.gather(*(log_in(client, password="wrong") for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 7


async def test_the_case_of_the_address_opens_no_second_count(client: AsyncClient) -> None:
    for email in ("ada@example.com", "ADA@example.com", "Ada@Example.com"):
        await log_in(client, email, "wrong")

    assert_problem(await log_in(client, "aDa@example.com", "wrong"), 429, "too_many_attempts")


async def test_a_login_forgets_the_failures_before_it(client: AsyncClient) -> None:
    await register(client)
    for _ in range(3):
        await log_in(client, password="wrong")
        await log_in(client, password="wrong")
        assert (await log_in(client)).status_code == 200


async def test_nobody_is_locked_out_from_elsewhere(app: FastAPI, client: AsyncClient) -> None:
    owner = await sign_up(client)
    async with from_address(app, "192.0.2.1") as attacker:
        for _ in range(4):
            await log_in(attacker, owner.email, "wrong")

        assert_problem(await log_in(attacker, owner.email, "wrong"), 429, "too_many_attempts")

    assert (await log_in(client, owner.email)).status_code == 200


async def test_guesses_from_many_addresses_are_bounded(app: FastAPI, client: AsyncClient) -> None:
    owner = await sign_up(client)
    answers = []
    for number in range(8):
        async with from_address(app, f"192.0.2.{number}") as attacker:
            answers.append((await log_in(attacker, owner.email, "wrong")).status_code)

    # The owner's first login was one of the five, from an address that was not familiar yet.
    assert answers == [401] * 4 + [429] * 4
    assert (await log_in(client, owner.email)).status_code == 200


async def test_the_addresses_of_one_ipv6_network_are_one(app: FastAPI) -> None:
    answers = []
    for number in range(4):
        async with from_address(app, f"2001:db8::{number}") as client:
            answers.append((await log_in(client, password="wrong")).status_code)

    assert answers == [401, 401, 401, 429]


async def test_only_what_the_trusted_proxy_adds_is_believed(app: FastAPI) -> None:
    answers = []
    for number in range(4):
        async with from_address(app, f"198.51.100.{number}, 192.0.2.1") as client:
            answers.append((await log_in(client, password="wrong")).status_code)

    assert answers == [401, 401, 401, 429]


async def test_registrations_are_bounded(client: AsyncClient) -> None:
    await register(client, "one@example.com")
    await register(client, "two@example.com")

    response = await register(client, "three@example.com", password=PASSWORD)

    assert_problem(response, 429, "too_many_attempts")
    assert "retry-after" in response.headers


async def test_refreshes_are_bounded(client: AsyncClient) -> None:
    body = {"refresh_token": "unknown"}
    for _ in range(2):
        await client.post("/api/v1/auth/refresh", json=body)

    response = await client.post("/api/v1/auth/refresh", json=body)

    assert_problem(response, 429, "too_many_attempts")
