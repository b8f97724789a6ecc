"""Bounds on guessing: how often somebody may try to log in, register and refresh.

Logins are counted for an account and an address together, so that nobody can lock the owner out
from elsewhere; and for an account alone, against guesses from many addresses. The second count
leaves out addresses from which the account has been logged in to lately: however long somebody
guesses, the owner gets in from where they usually are.
"""

import hashlib
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from app import audit
from app.problems import Problem
from app.ratelimit import Count, RateLimit, Store

_FAMILIAR_FOR: Final = 30 * 24 * 3600
"""Seconds for which an address stays one that the owner logs in from."""


class TooManyAttemptsError(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_attempts"
    default_detail = "Too many attempts. Wait before you try again."

    def __init__(self, retry_after: int = 1) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(headers={"Retry-After": str(retry_after)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitOptions:
    login_from_address_to_account: RateLimit
    login_to_account: RateLimit
    login_from_address: RateLimit
    register_from_address: RateLimit
    refresh_from_address: RateLimit


class RateLimits:
    """Counts attempts. Every method raises `TooManyAttemptsError`."""

    def __init__(self, options: RateLimitOptions, store: Store) -> None:
        self._options = options
        self._store = store

    @property
    def degraded(self) -> bool:
        """Whether attempts are not counted where they should be."""
        return self._store.degraded

    async def before_login(self, email: str, address: str) -> None:
        """Count a login before it is known how it ends, so that many at once are counted too."""
        await self._before_password("login", email, address)

    async def before_confirmation(self, email: str, address: str) -> None:
        """Count the password of who is logged in as a login: a stolen token guesses no faster."""
        await self._before_password("confirmation", email, address)

    async def _before_password(self, attempt: str, email: str, address: str) -> None:
        account = _digest(email)
        options = self._options
        await self._hit(
            attempt,
            address,
            Count(f"login/address/{address}", options.login_from_address),
            Count(_pair(account, address), options.login_from_address_to_account),
            Count(
                f"login/account/{account}",
                options.login_to_account,
                unless=_familiar(account, address),
            ),
        )

    async def after_password(self, email: str, address: str) -> None:
        """Forget the failures from this address: the password was right, it is the owner."""
        account = _digest(email)
        await self._store.forgive(
            _pair(account, address), mark=_familiar(account, address), seconds=_FAMILIAR_FOR
        )

    async def before_registration(self, address: str) -> None:
        count = Count(f"register/{address}", self._options.register_from_address)
        await self._hit("registration", address, count)

    async def before_refresh(self, address: str) -> None:
        count = Count(f"refresh/{address}", self._options.refresh_from_address)
        await self._hit("refresh", address, count)

    async def _hit(self, attempt: str, address: str, *counts: Count) -> None:
        wait = await self._store.hit(*counts)
        if wait:
            audit.rate_limited(attempt, address)
            raise TooManyAttemptsError(math.ceil(wait))


def _pair(account: str, address: str) -> str:
    return f"login/pair/{account}/{address}"


def _familiar(account: str, address: str) -> str:
    return f"login/familiar/{account}/{address}"


def _digest(email: str) -> str:
    """The account, whatever the case of its address, and not readable in the store."""
    return hashlib.sha256(email.lower().encode()).hexdigest()
