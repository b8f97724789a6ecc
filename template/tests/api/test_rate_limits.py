"""Bounds on guessing."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from app.main import create_app
from app.settings import Settings
from tests.support.api import PASSWORD, assert_problem, log_in, register, sign_up


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "login_limit": "3 per hour",
            "login_account_limit": "5 per hour",
            "login_address_limit": "20 per hour",
            "register_limit": "2 per hour",
            "refresh_limit": "2 per hour",
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
    assert 1100 < int(response.headers["retry-after"]) <= 1200


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


async def test_a_stolen_token_guesses_no_faster_than_logins(
    app: FastAPI, client: AsyncClient
) -> None:
    owner = await sign_up(client)
    change = {"current_password": "wrong", "new_password": "another long password"}
    async with from_address(app, "192.0.2.1") as thief:
        thief.headers.update(owner.headers)
        for _ in range(2):
            guess = await thief.put("/api/v1/users/me/password", json=change)
            assert_problem(guess, 401, "invalid_credentials")
        await log_in(thief, owner.email, "wrong")

        for guess in (
            await thief.put("/api/v1/users/me/password", json=change),
            await thief.request("DELETE", "/api/v1/users/me", json={"current_password": "wrong"}),
            await log_in(thief, owner.email, "wrong"),
        ):
            assert_problem(guess, 429, "too_many_attempts")

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


@pytest.mark.parametrize(
    ("trusted", "forwarded"),
    [
        (0, "192.0.2.{number}"),
        (1, "192.0.2.{number}, 198.51.100.1"),
        (2, "192.0.2.{number}, 198.51.100.1, 203.0.113.1"),
        (2, "not an address {number}"),
    ],
)
async def test_only_what_trusted_proxies_add_is_believed(
    settings: Settings, trusted: int, forwarded: str
) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": trusted}))
    answers = []
    async with app.router.lifespan_context(app):
        for number in range(4):
            async with from_address(app, forwarded.format(number=number)) as client:
                answers.append((await log_in(client, password="wrong")).status_code)

    assert answers == [401, 401, 401, 429]


async def test_guesses_at_many_accounts_from_one_address_are_bounded(client: AsyncClient) -> None:
    answers = [
        (await log_in(client, f"user{number}@example.com")).status_code for number in range(22)
    ]

    assert answers == [401] * 20 + [429] * 2


async def test_an_owner_is_not_locked_out_however_long_others_guess(
    app: FastAPI, client: AsyncClient
) -> None:
    owner = await sign_up(client)
    for number in range(8):
        async with from_address(app, f"192.0.2.{number}") as attacker:
            await log_in(attacker, owner.email, "wrong")
            await log_in(attacker, owner.email, "wrong")

        assert (await log_in(client, owner.email)).status_code == 200


async def test_whoever_waits_as_told_may_try_again(settings: Settings) -> None:
    limits = {"login_limit": "4 per second", "login_account_limit": "100 per hour"}
    app = create_app(settings.model_copy(update=limits))
    async with app.router.lifespan_context(app), from_address(app, "192.0.2.1") as client:
        await register(client)
        answers = await asyncio.gather(*(log_in(client, password="wrong") for _ in range(20)))
        refused = next(answer for answer in answers if answer.status_code == 429)

        await asyncio.sleep(int(refused.headers["retry-after"]))

        assert (await log_in(client)).status_code == 200


async def test_registrations_are_bounded_by_address(app: FastAPI, client: AsyncClient) -> None:
    await register(client, "one@example.com")
    await register(client, "two@example.com")

    response = await register(client, "three@example.com", password=PASSWORD)

    assert_problem(response, 429, "too_many_attempts")
    async with from_address(app, "192.0.2.1") as elsewhere:
        assert (await register(elsewhere, "three@example.com")).status_code == 201


async def test_refreshes_are_bounded_by_address(app: FastAPI, client: AsyncClient) -> None:
    body = {"refresh_token": "unknown"}
    for _ in range(2):
        await client.post("/api/v1/auth/refresh", json=body)

    response = await client.post("/api/v1/auth/refresh", json=body)

    assert_problem(response, 429, "too_many_attempts")
    async with from_address(app, "192.0.2.1") as elsewhere:
        response = await elsewhere.post("/api/v1/auth/refresh", json=body)
        assert_problem(response, 401, "invalid_refresh_token")
