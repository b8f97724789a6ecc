"""What lives as long as the process, and how a handler asks for it in its signature."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, FastAPI, Request

from app import db, ratelimit
from app.auth.key_watch import following
from app.auth.keys import KeySet
from app.auth.passwords import Passwords
from app.auth.rate_limits import RateLimits
from app.auth.sessions import SessionOptions, Sessions
from app.auth.tokens import AccessTokens
from app.http.client_address import client_address
from app.ops import telemetry
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """The pool, the keys, the threads: opened when the service starts, closed when it stops."""

    database: db.Database
    probe: db.Probe
    keys: KeySet
    access_tokens: AccessTokens
    sessions: Sessions
    passwords: Passwords
    rate_limits: RateLimits
    settings: Settings

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["Resources"]:
        """Raises `app.db.DatabaseUnavailableError` where the database can't be reached."""
        keys = KeySet.parse(settings.jwt_keys.get_secret_value())
        access_tokens = AccessTokens(
            keys,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            lifetime=settings.access_token_lifetime,
        )
        options = SessionOptions(
            lifetime=settings.session_lifetime,
            idle_lifetime=settings.refresh_token_lifetime,
            refresh_grace=settings.refresh_grace,
        )
        passwords = Passwords(settings.passwords)
        try:
            async with (
                following(settings.jwt_keys_file, settings.jwt_keys.get_secret_value(), keys),
                db.Database.open(settings.database, telemetry.QUERY_OBSERVER) as database,
                ratelimit.open_store(settings) as store,
            ):
                yield cls(
                    database=database,
                    probe=db.Probe(database),
                    keys=keys,
                    access_tokens=access_tokens,
                    sessions=Sessions(access_tokens, options),
                    passwords=passwords,
                    rate_limits=RateLimits(settings.rate_limits, store),
                    settings=settings,
                )
        finally:
            passwords.close()


def attach(app: FastAPI, resources: Resources) -> None:
    app.state.resources = resources


def of(request: Request) -> Resources:
    """The resources of the service that answers ``request``."""
    resources: Resources = request.app.state.resources
    return resources


def stop(app: FastAPI) -> None:
    """Let ``/health`` say that the service is about to stop."""
    app.state.stopping = True


def is_stopping(app: FastAPI) -> bool:
    return getattr(app.state, "stopping", False)


# Coroutines, though they await nothing: FastAPI runs a plain function in a thread.


async def _database(request: Request) -> db.Database:
    return of(request).database


async def _passwords(request: Request) -> Passwords:
    return of(request).passwords


async def _sessions(request: Request) -> Sessions:
    return of(request).sessions


async def _rate_limits(request: Request) -> RateLimits:
    return of(request).rate_limits


async def _client_address(request: Request) -> str:
    return client_address(request, of(request).settings.trusted_proxies)


Database: TypeAlias = Annotated[db.Database, Depends(_database)]
PasswordService: TypeAlias = Annotated[Passwords, Depends(_passwords)]
SessionService: TypeAlias = Annotated[Sessions, Depends(_sessions)]
RateLimitService: TypeAlias = Annotated[RateLimits, Depends(_rate_limits)]
ClientAddress: TypeAlias = Annotated[str, Depends(_client_address)]
