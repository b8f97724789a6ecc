"""Logging in, staying logged in, and noticing a stolen refresh token.

A refresh token is spent for its successor. Presenting a spent one means that two parties hold it:
the session is revoked, whoever of them came second. The exception is a client that never received
the answer to its refresh: for a few seconds, and only while the successor is unused, it is given
that same successor again. So that the service need not keep the successor itself, it is derived:
``HMAC-SHA-256(key, spent token)``, under a random key that is stored with the spent token's hash.
Neither the token nor the database alone is enough to find it.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from app import audit
from app.auth import queries
from app.auth.errors import InvalidRefreshTokenError
from app.auth.queries import Session
from app.auth.tokens import AccessTokens
from app.db import Database, Db
from app.ids import UserId


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds until the access token expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """Lifetimes, in seconds."""

    lifetime: float
    idle_lifetime: float
    refresh_grace: float


class Sessions:
    """Begins and continues sessions."""

    def __init__(self, access_tokens: AccessTokens, options: SessionOptions) -> None:
        self._access_tokens = access_tokens
        self._options = options

    async def begin(
        self, db: Db, user_id: UserId, password_hash: str, client_address: str
    ) -> TokenPair | None:
        """Begin a session of a user whose password was the one of ``password_hash``; none where
        that has changed since it was read.
        """
        refresh_token = secrets.token_urlsafe(32)
        session = await queries.create_session(
            db,
            user_id,
            password_hash,
            _hash(refresh_token),
            self._options.lifetime,
            self._options.idle_lifetime,
        )
        if session is None:
            return None
        audit.login_succeeded(user_id, session.id, client_address)
        return await self._pair(session, refresh_token)

    async def refresh(self, db: Database, refresh_token: str, client_address: str) -> TokenPair:
        """Spend a refresh token. Raises `InvalidRefreshTokenError`; revokes its session where it
        had been spent before.
        """
        key = secrets.token_bytes(32)
        successor = _successor(refresh_token, key)
        session = await queries.spend_refresh_token(
            db,
            _hash(refresh_token),
            _hash(successor),
            key,
            self._options.lifetime,
            self._options.idle_lifetime,
        )
        if session is None:
            return await self._refresh_again(db, refresh_token, client_address)
        audit.refreshed(session.user_id, session.id, client_address)
        return await self._pair(session, successor)

    async def end(self, db: Db, refresh_token: str, client_address: str) -> None:
        """Revoke the session of a refresh token, be it spent or not."""
        ended = await queries.delete_session_of(db, _hash(refresh_token))
        if ended:
            audit.logged_out(ended.user_id, ended.id, client_address)

    async def _refresh_again(
        self, db: Database, refresh_token: str, client_address: str
    ) -> TokenPair:
        spent = await queries.find_spent_token(
            db, _hash(refresh_token), self._options.refresh_grace
        )
        if spent is None:
            raise InvalidRefreshTokenError
        if not spent.may_retry:
            # A statement of its own: it is committed although the answer is an error.
            if await queries.delete_session(db, spent.session_id):
                audit.refresh_token_reused(spent.user_id, spent.session_id, client_address)
            raise InvalidRefreshTokenError
        audit.refreshed(spent.user_id, spent.session_id, client_address, retried=True)
        session = Session(spent.session_id, spent.user_id, spent.role)
        return await self._pair(session, _successor(refresh_token, spent.successor_key))

    async def _pair(self, session: Session, refresh_token: str) -> TokenPair:
        # In a turn of the event loop to itself: RS256 takes 0.6 ms, for which all requests wait.
        await asyncio.sleep(0)
        access_token = self._access_tokens.issue(session.user_id, session.id, session.role)
        await asyncio.sleep(0)
        return TokenPair(access_token, refresh_token, self._access_tokens.lifetime)


def _hash(refresh_token: str) -> bytes:
    """What the database keeps. The tokens are random, so that no salt or slow hash is needed."""
    return hashlib.sha256(refresh_token.encode()).digest()


def _successor(refresh_token: str, key: bytes) -> str:
    digest = hmac.digest(key, refresh_token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
