"""The service's signing keys: one JWK Set (RFC 7517), of which the first key signs."""

import json
from collections.abc import Mapping
from typing import Any

from app.auth import signing
from app.auth.signing import Jwk, Key


class KeySet:
    """The keys that tokens are signed and verified with, by ``kid``.

    A key is retired by putting another one before it: it goes on verifying the tokens it signed.
    """

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = keys
        self.signing = next(iter(keys.values()))

    @classmethod
    def parse(cls, text: str) -> "KeySet":
        """Read a JWK Set. Raises `ValueError`, which says what is wrong and shows no key."""
        keys: dict[str, Key] = {}
        for jwk in _jwks(text):
            key = signing.load_key(jwk)
            if key.kid in keys:
                raise ValueError(f'holds two keys with the kid "{key.kid}"')
            keys[key.kid] = key
        if not keys:
            raise ValueError(f"holds no key. {_HOW}")
        return cls(keys)

    def get(self, kid: str) -> Key | None:
        return self._keys.get(kid)

    def public(self) -> list[Jwk]:
        """The public keys, for others to verify tokens with; none where the keys are symmetric."""
        return [key.public for key in self._keys.values() if key.public]


def generate_key_set() -> str:
    """Make a JWK Set with one new key."""
    return json.dumps({"keys": [signing.generate_key()]}, indent=2) + "\n"


_HOW = "`app init` makes a good one."


def _jwks(text: str) -> list[Mapping[str, Any]]:
    try:
        document = json.loads(text)
        keys = document["keys"]
    except (ValueError, TypeError, KeyError):
        # The parser's own message could quote the key.
        raise ValueError(f'is no JWK Set, {{"keys": [...]}}. {_HOW}') from None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError(f'is no JWK Set: "keys" must be a list of objects. {_HOW}')
    return keys
