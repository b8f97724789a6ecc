"""How long a refused login takes does not tell whether there is such an account.

Logins of different kinds are made by turns, in an order drawn for each round, and compared within
their round: the share of rounds in which one took longer than the other is a half where nothing
tells them apart, whatever else the machine does meanwhile. Of 400 rounds, up to 70 % may go one
way. Chance alone exceeds that once in 10^15 comparisons. What a known account costs beyond the
hash, some 50 microseconds for a row to be read, has been seen to make the share 58 %: then it is
exceeded three times in ten million (binomial). A share of 75 % is found 99 times in 100.

Compared are the time of the process's threads on any processor, and the time on the clock.
"""

import random
import time
from dataclasses import dataclass
from typing import Final

import pytest
from httpx import AsyncClient

from app.auth.passwords import Passwords, Verification
from app.db import Connection
from app.settings import Settings
from tests.support.api import PASSWORD, assert_problem, log_in, register

ROUNDS: Final = 400
TOLERATED: Final = 0.7
"""The share of rounds, of those in which one of two took longer."""
CLOCKS: Final = {"processor": time.process_time_ns, "clock": time.perf_counter_ns}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    limits = [name for name in Settings.model_fields if name.endswith("_limit")]
    # A hash of some 4 ms: less than a real one, so that what is not the hash shows the more.
    costs = {"argon2_time_cost": 1, "argon2_memory_kib": 4096}
    return settings.model_copy(update=costs | dict.fromkeys(limits, "1000000 per hour"))


@pytest.fixture
async def accounts(client: AsyncClient, connection: Connection) -> None:
    await register(client, "active@example.com")
    await register(client, "deactivated@example.com")
    await connection.execute(
        "UPDATE users SET is_active = false WHERE email = 'deactivated@example.com'"
    )


@dataclass(frozen=True, slots=True)
class Login:
    """A login that is refused, and how it is called in what the test prints."""

    email: str
    password: str


UNKNOWN: Final = Login("nobody@example.com", PASSWORD)
WRONG_PASSWORD: Final = Login("active@example.com", "not the right one")
DEACTIVATED: Final = Login("deactivated@example.com", PASSWORD)


@pytest.mark.usefixtures("accounts")
async def test_does_not_tell_known_from_unknown(client: AsyncClient) -> None:
    taken = await times(client, [UNKNOWN, WRONG_PASSWORD, DEACTIVATED])

    shares = {
        (clock, login.email): share_longer(taken[login, clock], taken[UNKNOWN, clock])
        for clock in CLOCKS
        for login in (WRONG_PASSWORD, DEACTIVATED)
    }
    assert all(1 - TOLERATED <= share <= TOLERATED for share in shares.values()), shares


@pytest.mark.usefixtures("accounts")
async def test_would_tell_if_nothing_were_hashed_for_an_unknown_account(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = Passwords.verify

    async def verify_known(self: Passwords, password: str, stored: str | None) -> Verification:
        return await verify(self, password, stored) if stored else Verification(correct=False)

    monkeypatch.setattr(Passwords, "verify", verify_known)

    taken = await times(client, [UNKNOWN, WRONG_PASSWORD])

    for clock in CLOCKS:
        share = share_longer(taken[WRONG_PASSWORD, clock], taken[UNKNOWN, clock])
        assert share > TOLERATED, clock


async def times(client: AsyncClient, logins: list[Login]) -> dict[tuple[Login, str], list[int]]:
    """Nanoseconds of each login in each round, by each clock."""
    taken: dict[tuple[Login, str], list[int]] = {
        (login, clock): [] for login in logins for clock in CLOCKS
    }
    for _ in range(ROUNDS):
        for login in random.sample(logins, len(logins)):
            before = {clock: now() for clock, now in CLOCKS.items()}
            response = await log_in(client, login.email, login.password)
            after = {clock: now() for clock, now in CLOCKS.items()}
            for clock in CLOCKS:
                taken[login, clock].append(after[clock] - before[clock])
            assert_problem(response, 401, "invalid_credentials")
    return taken


def share_longer(one: list[int], other: list[int]) -> float:
    """The share of rounds in which the one took longer than the other."""
    return sum(a > b for a, b in zip(one, other, strict=True)) / len(one)
