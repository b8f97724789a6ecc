"""Hashing passwords: argon2id, off the event loop, bounded."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from app.auth.passwords import PasswordOptions, Passwords, Verification, hash_of_nobody
from app.problems import UnavailableError

PASSWORD = "correct horse battery staple"

CHEAP = PasswordOptions(time_cost=1, memory_kib=8, parallelism=1, threads=1, queue=2)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(CHEAP)
    yield passwords
    passwords.close()


async def test_a_hash_is_argon2id_with_the_parameters_given(passwords: Passwords) -> None:
    assert (await passwords.hash(PASSWORD)).startswith("$argon2id$v=19$m=8,t=1,p=1$")


async def test_a_hash_is_salted(passwords: Passwords) -> None:
    assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


async def test_the_right_password_is_told_from_others(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)

    assert await passwords.verify(PASSWORD, stored) == Verification(correct=True)
    for other in (PASSWORD + " ", PASSWORD[:-1], PASSWORD.upper(), ""):
        assert await passwords.verify(other, stored) == Verification(correct=False)


async def test_nothing_is_truncated(passwords: Passwords) -> None:
    stored = await passwords.hash("x" * 127 + "y")

    assert not (await passwords.verify("x" * 128, stored)).correct


async def test_the_same_characters_are_the_same_password(passwords: Passwords) -> None:
    stored = await passwords.hash("caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait")

    assert (await passwords.verify("cafe\N{COMBINING ACUTE ACCENT} au lait", stored)).correct


async def test_a_password_may_be_of_any_characters(passwords: Passwords) -> None:
    password = "\N{SNOWMAN} пароль \N{CRAB} \0 密码"

    assert (await passwords.verify(password, await passwords.hash(password))).correct


async def test_nobody_s_password_is_right(passwords: Passwords) -> None:
    assert await passwords.verify(PASSWORD, None) == Verification(correct=False)


def test_the_hash_of_nobody_is_one_that_costs_as_much_as_any() -> None:
    hasher = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)

    of_nobody = hash_of_nobody(hasher)

    assert extract_parameters(of_nobody) == extract_parameters(hasher.hash(PASSWORD))
    assert of_nobody != hash_of_nobody(hasher)
    with pytest.raises(VerifyMismatchError):
        hasher.verify(of_nobody, PASSWORD)


@pytest.mark.parametrize("stored", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA"])
async def test_a_broken_hash_is_no_password_s(passwords: Passwords, stored: str) -> None:
    assert not (await passwords.verify(PASSWORD, stored)).correct


async def test_a_weaker_hash_is_made_anew(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    stronger = Passwords(replace(CHEAP, time_cost=2))
    try:
        found = await stronger.verify(PASSWORD, stored)
        wrong = await stronger.verify("another password", stored)
        assert found.correct
        assert found.new_hash
        assert found.new_hash.startswith("$argon2id$v=19$m=8,t=2,p=1$")
        assert (await stronger.verify(PASSWORD, found.new_hash)) == Verification(correct=True)
        assert wrong == Verification(correct=False)
    finally:
        stronger.close()


async def test_the_event_loop_is_not_held_up(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def note(_hasher: object, _password: str) -> str:
        threads.append(threading.current_thread().name)
        return "hash"

    monkeypatch.setattr("argon2.PasswordHasher.hash", note)

    await passwords.hash(PASSWORD)

    assert len(threads) == 1
    assert threads[0].startswith("password")


async def test_too_many_at_once_are_turned_away(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def wait(_hasher: object, _password: str) -> str:
        go_on.wait()
        return "hash"

    monkeypatch.setattr("argon2.PasswordHasher.hash", wait)
    accepted = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(3)]
    await asyncio.sleep(0)
    try:
        with pytest.raises(UnavailableError):
            await passwords.hash(PASSWORD)
    finally:
        go_on.set()

    assert await asyncio.gather(*accepted) == ["hash"] * 3
    assert await passwords.hash(PASSWORD) == "hash", "there is room again"
