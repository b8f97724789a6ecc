"""Which passwords may be chosen: at registration, at a change, and on the command line alike."""

import json

import pytest
from httpx import AsyncClient, Response

from app import about
from app.auth.password_rules import _common_passwords, is_personal
from tests.support.api import PASSWORD, Account, assert_problem, log_in, register, sign_up

COMPOSED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
DECOMPOSED = "cafe\N{COMBINING ACUTE ACCENT}"


async def change(client: AsyncClient, user: Account, password: str) -> Response:
    return await client.put(
        "/api/v1/users/me/password",
        headers=user.headers,
        json={"current_password": user.password, "new_password": password},
    )


def assert_refused(response: Response, field: str, error_type: str, password: str) -> None:
    problem = assert_problem(response, 422, "validation_error")
    assert [(error["field"], error["type"]) for error in problem["errors"]] == [(field, error_type)]
    assert password not in json.dumps(problem["errors"])


class TestCommonPasswords:
    @pytest.mark.parametrize("password", ["password1234", "PassWord1234", "1q2w3e4r5t6y"])
    async def test_can_not_be_chosen(self, client: AsyncClient, password: str) -> None:
        user = await sign_up(client)

        registered = await register(client, "new@example.com", password=password)
        changed = await change(client, user, password)

        assert_refused(registered, "password", "password_too_common", password)
        assert_refused(changed, "new_password", "password_too_common", password)
        assert (await log_in(client, user.email)).status_code == 200

    async def test_may_be_part_of_a_password(self, client: AsyncClient) -> None:
        assert (await register(client, password="my password1234 is longer")).status_code == 201

    async def test_can_still_be_compared(self, client: AsyncClient) -> None:
        """Whoever chose one before the rule was there gets in, to change it."""
        assert_problem(await log_in(client, password="password1234"), 401, "invalid_credentials")

    def test_are_those_that_the_length_lets_through(self) -> None:
        passwords = _common_passwords()

        assert len(passwords) > 300
        assert all(12 <= len(password) <= 128 for password in passwords)
        assert all(password == password.casefold() for password in passwords)


class TestPersonalPasswords:
    @pytest.mark.parametrize(
        "password",
        [
            "Ada Lovelace 1815",
            "ada.lovelace",
            "1815-ADALOVELACE",
            "countess@example.com",
            "Countess1815!!",
        ],
    )
    async def test_can_not_be_chosen(self, client: AsyncClient, password: str) -> None:
        response = await register(client, "countess@example.com", "Ada Lovelace", password)

        assert_refused(response, "password", "password_personal", password)

    async def test_can_not_be_changed_to(self, client: AsyncClient) -> None:
        user = await sign_up(client, "countess.of.lovelace@example.com")

        response = await change(client, user, "Countess of Lovelace!")

        assert_refused(response, "new_password", "password_personal", "Countess of Lovelace!")

    def test_are_the_services_name_too(self) -> None:
        assert is_personal(f"{about.TITLE} 2026", email="a@b.example", name="A")
        assert is_personal(f"{about.NAME}!!!!", email="a@b.example", name="A")

    async def test_are_no_sentence_with_a_name_in_it(self, client: AsyncClient) -> None:
        response = await register(client, name="Ada", password="ada writes programs")

        assert response.status_code == 201

    def test_are_not_all_that_has_no_letters(self) -> None:
        assert not is_personal("271828182845", email="a@b.example", name="1")


class TestLength:
    async def test_is_counted_in_composed_characters(self, client: AsyncClient) -> None:
        short = DECOMPOSED + "1234567"  # 12 code points, 11 characters
        long = DECOMPOSED * 32  # 160 and 128

        refused = await register(client, password=short)
        accepted = await register(client, password=long)

        assert_refused(refused, "password", "string_too_short", short)
        assert accepted.status_code == 201
        assert (await log_in(client, password=COMPOSED * 32)).status_code == 200

    @pytest.mark.parametrize("password", ["x" * 12, "x" * 128, " " * 12, PASSWORD])
    async def test_is_all_that_is_asked_for(self, client: AsyncClient, password: str) -> None:
        assert (await register(client, password=password)).status_code == 201
