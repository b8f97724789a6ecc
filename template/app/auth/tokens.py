"""Access tokens: signed, short-lived, verified without the database (RFC 9068, RFC 8725)."""

import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jwt

from app.auth.errors import ExpiredTokenError, InvalidTokenError
from app.auth.keys import KeySet
from app.auth.signing import ALGORITHM, Key
from app.ids import SessionId, UserId, parse_id
from app.users.roles import Role

_TYPE: Final = "at+jwt"
_LEEWAY: Final = 5
"""Seconds by which the clocks of two replicas may differ."""
_MAX_LENGTH: Final = 4096
_REMEMBERED: Final = 4096
"""Tokens whose verification is remembered, in each process."""
_REQUIRED: Final = ["iss", "aud", "sub", "iat", "exp", "jti", "sid", "role"]


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a valid access token says of its bearer."""

    user_id: UserId
    session_id: SessionId
    role: Role
    token_id: str
    expires_at: int
    """Seconds since 1970, as in the ``exp`` claim."""


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(self, keys: KeySet, *, issuer: str, audience: str, lifetime: int) -> None:
        """``lifetime`` is in seconds."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self.lifetime = lifetime
        self._verified = lru_cache(_REMEMBERED)(self._verify)

    def issue(self, user_id: UserId, session_id: SessionId, role: Role) -> str:
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "role": role,
            "iat": now,
            "exp": now + self.lifetime,
            "jti": secrets.token_hex(16),
        }
        key = self._keys.signing
        headers = {"kid": key.kid, "typ": _TYPE}
        return jwt.encode(claims, key.signing, algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> TokenClaims:
        """Check everything but revocation. Raises `InvalidTokenError` or `ExpiredTokenError`.

        A token comes with every request of its bearer. What never changes of it is checked once.
        """
        claims, key = self._verified(token)
        if self._keys.get(key.kid) is not key:  # the keys have been read anew
            self._verified.cache_clear()
            claims, _ = self._verified(token)
        if claims.expires_at <= time.time() - _LEEWAY:
            raise ExpiredTokenError
        return claims

    def _verify(self, token: str) -> tuple[TokenClaims, Key]:
        if len(token) > _MAX_LENGTH:
            raise InvalidTokenError
        try:
            key = self._key(token)
            claims = jwt.decode(
                token,
                key.verifying,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY,
                options={"require": _REQUIRED, "strict_aud": True},
            )
            return _read(claims), key
        except jwt.ExpiredSignatureError as error:
            raise ExpiredTokenError from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise InvalidTokenError from error

    def _key(self, token: str) -> Key:
        """The key that the header names, if it is one of ours; nothing else in it is believed."""
        header = jwt.get_unverified_header(token)
        key = self._keys.get(header.get("kid", ""))
        if key is None or header.get("typ") != _TYPE:
            raise jwt.InvalidTokenError("unknown key or type")
        return key


def _read(claims: dict[str, Any]) -> TokenClaims:
    _of_type(int, claims, "iat", "exp")  # PyJWT takes "1800000000" and true for numbers
    _of_type(str, claims, "sub", "sid", "role", "jti")
    return TokenClaims(
        user_id=UserId(parse_id(claims["sub"])),
        session_id=SessionId(parse_id(claims["sid"])),
        role=Role(claims["role"]),
        token_id=claims["jti"],
        expires_at=claims["exp"],
    )


def _of_type(kind: type, claims: dict[str, Any], *names: str) -> None:
    if any(type(claims[name]) is not kind for name in names):
        raise jwt.InvalidTokenError("a claim of the wrong type")
