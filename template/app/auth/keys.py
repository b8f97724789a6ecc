"""The service's signing keys: one JWK Set (RFC 7517), of which one key signs and all verify.

The newest key stands first and says from when on it signs, in the member ``nbf``; a key signs until
one before it begins to. So every replica that has read the set changes keys at the same moment, and
knows the new key long before. ``iat`` is when the key was made. Both are NumericDates, named as in
OpenID Federation 1.0; sets without them are signed with their first key.
"""

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.auth import signing
from app.auth.signing import Jwk, Key


@dataclass(frozen=True, slots=True)
class Term:
    """When a key signs: from the one moment until the other. All times are seconds since 1970."""

    kid: str
    created_at: int | None
    begins_at: int
    """0 where it is not recorded."""
    ends_at: int | None
    """None for as long as no other key is to follow; 0 where it is not recorded."""


class KeySet:
    """The keys that tokens are signed and verified with, by ``kid``."""

    def __init__(self, keys: Sequence[tuple[Key, Term]]) -> None:
        self._keys = {key.kid: key for key, _ in keys}
        self._terms = [term for _, term in keys]

    @classmethod
    def parse(cls, text: str) -> "KeySet":
        """Read a JWK Set. Raises `ValueError`, which says what is wrong and shows no key."""
        keys: dict[str, tuple[Key, Term]] = {}
        next_begins_at: int | None = None
        for jwk in _read(text)["keys"]:
            key = signing.load_key(jwk)
            if key.kid in keys:
                raise ValueError(f'holds two keys with the kid "{key.kid}"')
            begins_at = _time(jwk, "nbf") or 0
            keys[key.kid] = key, Term(key.kid, _time(jwk, "iat"), begins_at, next_begins_at)
            if next_begins_at is None or begins_at < next_begins_at:
                next_begins_at = begins_at
        if not keys:
            raise ValueError(f"holds no key. {_HOW}")
        return cls(list(keys.values()))

    @property
    def signing(self) -> Key:
        """The key that signs now."""
        return self._keys[self.signing_at(int(time.time())).kid]

    def signing_at(self, now: int) -> Term:
        """The term of the key that signs then; of the oldest where none has begun to."""
        return next((term for term in self._terms if term.begins_at <= now), self._terms[-1])

    @property
    def terms(self) -> Sequence[Term]:
        """The newest first."""
        return self._terms

    def get(self, kid: str) -> Key | None:
        return self._keys.get(kid)

    def public(self) -> list[Jwk]:
        """The public keys, for others to verify tokens with; none where the keys are symmetric."""
        return [key.public for key in self._keys.values() if key.public]

    def replace(self, other: "KeySet") -> None:
        """Become the same as ``other``, for whoever holds this one."""
        self._keys, self._terms = other._keys, other._terms


def generate_key_set() -> str:
    """Make a JWK Set with one new key, which signs at once."""
    return _write({"keys": [generate_key()]})


def generate_key(delay: int = 0) -> Jwk:
    """Make a key that signs in ``delay`` seconds from now on."""
    now = int(time.time())
    return {**signing.generate_key(), "iat": now, "nbf": now + delay}


def add_key(text: str, key: Jwk) -> str:
    """Put a key into a JWK Set, before the others. Raises `ValueError`."""
    document = _read(text)
    return _write(document | {"keys": [key, *document["keys"]]})


def remove_keys(text: str, kids: Collection[str]) -> str:
    """Take keys out of a JWK Set. Raises `ValueError`."""
    document = _read(text)
    kept = [key for key in document["keys"] if key.get("kid") not in kids]
    return _write(document | {"keys": kept})


def _read(text: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(text)
        keys = document["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        # The parser's own message could quote the key.
        raise ValueError(f'is no JWK Set, {{"keys": [...]}}. {_HOW}') from None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError(f'is no JWK Set: "keys" must be a list of objects. {_HOW}')
    return document


def _write(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"


_HOW: Final = "`app init` makes a good one."
_LAST_TIME: Final = 253_402_300_799
"""The end of the year 9999. Milliseconds, a common mistake, come after it."""


def _time(jwk: Jwk, name: str) -> int | None:
    value = jwk.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= _LAST_TIME:
        raise ValueError(f'key "{jwk["kid"]}" has an "{name}" that is no time in whole seconds')
    return value
