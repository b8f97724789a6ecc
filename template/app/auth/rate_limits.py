"""Bounds on guessing: how often somebody may try to log in, register and refresh.

Logins are counted for an account and an address together, so that nobody can lock the owner out
from elsewhere; and for an account alone, against guesses from many addresses. The second count
leaves out addresses from which the account has been logged in to lately: however long somebody
guesses, the owner gets in from where they usually are.
"""

import hashlib
import math
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from app.problems import Problem

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
    """Limits in the notation of the package `limits`: ``10 per 15 minutes``."""

    login_from_address_to_account: str
    login_to_account: str
    login_from_address: str
    register_from_address: str
    refresh_from_address: str


class RateLimits:
    """Counts attempts. Every method raises `TooManyAttemptsError`."""

    def __init__(self, options: RateLimitOptions) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._pair = parse(options.login_from_address_to_account)
        self._account = parse(options.login_to_account)
        self._login = parse(options.login_from_address)
        self._register = parse(options.register_from_address)
        self._refresh = parse(options.refresh_from_address)

    async def before_login(self, email: str, address: str) -> None:
        """Count a login before it is known how it ends, so that many at once are counted too."""
        account = _digest(email)
        await self._hit(self._login, "login", address)
        await self._hit(self._pair, "login", account, address)
        if not await self._storage.get(_familiar(account, address)):
            await self._hit(self._account, "login", account)

    async def after_login(self, email: str, address: str) -> None:
        """Forget the failures from this address: it was the owner."""
        account = _digest(email)
        await self._limiter.clear(self._pair, "login", account, address)
        await self._storage.incr(_familiar(account, address), _FAMILIAR_FOR)

    async def before_registration(self, address: str) -> None:
        await self._hit(self._register, "register", address)

    async def before_refresh(self, address: str) -> None:
        await self._hit(self._refresh, "refresh", address)

    async def _hit(self, limit: RateLimitItem, *identifiers: str) -> None:
        if await self._limiter.hit(limit, *identifiers):
            return
        window = await self._limiter.get_window_stats(limit, *identifiers)
        raise TooManyAttemptsError(max(1, math.ceil(window.reset_time - time.time())))


def _familiar(account: str, address: str) -> str:
    return f"familiar/{account}/{address}"


def _digest(email: str) -> str:
    """The account, whatever the case of its address, and not readable in the store."""
    return hashlib.sha256(email.lower().encode()).hexdigest()
