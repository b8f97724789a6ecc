"""Access tokens: what they say, and every way in which one can be bad."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from app.auth.errors import ExpiredTokenError, InvalidTokenError
from app.auth.keys import KeySet, generate_key_set
from app.auth.signing import ALGORITHM
from app.auth.tokens import AccessTokens
from app.ids import LAST_ID, SessionId, UserId
from app.users.roles import Role

USER = UserId(LAST_ID)
SESSION = SessionId(LAST_ID)

Forge = Callable[..., str]


@pytest.fixture
def keys(jwt_keys: str) -> KeySet:
    return KeySet.parse(jwt_keys)


@pytest.fixture
def tokens(keys: KeySet) -> AccessTokens:
    return AccessTokens(keys, issuer="us", audience="them", lifetime=900)


@pytest.fixture
def forge(tokens: AccessTokens, keys: KeySet) -> Forge:
    """Makes a token that is good but for what is given; ``None`` leaves a claim out."""

    def make(headers: dict[str, Any] | None = None, **claims: Any) -> str:
        good = decoded(tokens.issue(USER, SESSION, Role.USER), 1)
        changed = {name: value for name, value in (good | claims).items() if value is not None}
        header = {"kid": keys.signing.kid, "typ": "at+jwt"} | (headers or {})
        return jwt.encode(changed, keys.signing.signing, algorithm=ALGORITHM, headers=header)

    return make


def decoded(token: str, part: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token."""
    text = token.split(".")[part]
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return content


def encoded(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


class TestIssue:
    def test_says_who_it_is_for_and_until_when(self, tokens: AccessTokens) -> None:
        before = int(time.time())

        claims = decoded(tokens.issue(USER, SESSION, Role.ADMIN), 1)

        assert claims.keys() == {"iss", "aud", "sub", "sid", "role", "iat", "exp", "jti"}
        assert (claims["iss"], claims["aud"]) == ("us", "them")
        assert (claims["sub"], claims["sid"]) == (str(USER), str(SESSION))
        assert claims["role"] == "admin"
        assert before <= claims["iat"] <= time.time()
        assert claims["exp"] == claims["iat"] + 900

    def test_names_its_key_and_kind(self, tokens: AccessTokens, keys: KeySet) -> None:
        header = decoded(tokens.issue(USER, SESSION, Role.USER), 0)

        assert header == {"alg": ALGORITHM, "kid": keys.signing.kid, "typ": "at+jwt"}

    def test_is_never_the_same_twice(self, tokens: AccessTokens) -> None:
        assert tokens.issue(USER, SESSION, Role.USER) != tokens.issue(USER, SESSION, Role.USER)


class TestVerify:
    def test_believes_what_was_issued(self, tokens: AccessTokens) -> None:
        claims = tokens.verify(tokens.issue(USER, SESSION, Role.ADMIN))

        assert (claims.user_id, claims.session_id, claims.role) == (USER, SESSION, Role.ADMIN)

    def test_the_forger_of_these_tests_makes_good_tokens(
        self, tokens: AccessTokens, forge: Forge
    ) -> None:
        assert tokens.verify(forge()).user_id == USER

    @pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp", "jti", "sid", "role"])
    def test_requires_every_claim(self, tokens: AccessTokens, forge: Forge, claim: str) -> None:
        with pytest.raises(InvalidTokenError):
            tokens.verify(forge(**{claim: None}))

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": "others"},
            {"aud": "others"},
            {"aud": ["them"]},
            {"aud": ["them", "others"]},
            {"sub": "somebody"},
            {"sub": ""},
            {"sub": ["1"]},
            {"sid": "some session"},
            {"sid": 1},
            {"sid": 1.5},
            {"sid": {}},
            {"role": "root"},
            {"role": ["admin"]},
            {"role": {}},
            {"exp": "tomorrow"},
            {"exp": "4102444800"},
            {"exp": 2.0**40},
            {"iat": True},
            {"iat": "yesterday"},
            {"iat": 2**40},
            {"nbf": 2**40},
            {"jti": 1},
        ],
        ids=str,
    )
    def test_checks_every_claim(
        self, tokens: AccessTokens, forge: Forge, change: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidTokenError) as caught:
            tokens.verify(forge(**change))

        assert not isinstance(caught.value, ExpiredTokenError)

    def test_tells_an_expired_token(self, tokens: AccessTokens, forge: Forge) -> None:
        with pytest.raises(ExpiredTokenError):
            tokens.verify(forge(exp=int(time.time()) - 6))

    def test_allows_for_clocks_that_differ(self, tokens: AccessTokens, forge: Forge) -> None:
        assert tokens.verify(forge(exp=int(time.time()) - 2, iat=int(time.time()) + 2))

    @pytest.mark.parametrize("kind", ["JWT", "rt+jwt", "", None])
    def test_refuses_tokens_of_another_kind(
        self, tokens: AccessTokens, forge: Forge, kind: str | None
    ) -> None:
        with pytest.raises(InvalidTokenError):
            tokens.verify(forge(headers={"typ": kind}))

    @pytest.mark.parametrize("kid", ["unknown", "", "../../etc/passwd"])
    def test_refuses_unknown_keys(self, tokens: AccessTokens, forge: Forge, kid: str) -> None:
        with pytest.raises(InvalidTokenError):
            tokens.verify(forge(headers={"kid": kid}))

    def test_refuses_a_signature_by_another_key(self, tokens: AccessTokens, keys: KeySet) -> None:
        other = json.loads(generate_key_set())
        other["keys"][0]["kid"] = keys.signing.kid
        stranger = AccessTokens(
            KeySet.parse(json.dumps(other)), issuer="us", audience="them", lifetime=900
        )

        with pytest.raises(InvalidTokenError):
            tokens.verify(stranger.issue(USER, SESSION, Role.USER))

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS384", "RS384", "ES256"])
    def test_refuses_every_other_algorithm(self, tokens: AccessTokens, algorithm: str) -> None:
        header, claims, signature = tokens.issue(USER, SESSION, Role.USER).split(".")
        other = encoded(decoded(f"{header}.{claims}", 0) | {"alg": algorithm})

        for end in (signature, ""):
            with pytest.raises(InvalidTokenError):
                tokens.verify(f"{other}.{claims}.{end}")

    def test_refuses_claims_that_were_changed(self, tokens: AccessTokens) -> None:
        token = tokens.issue(USER, SESSION, Role.USER)
        header, _, signature = token.split(".")
        claims = encoded(decoded(token, 1) | {"role": "admin"})

        with pytest.raises(InvalidTokenError):
            tokens.verify(f"{header}.{claims}.{signature}")

    @pytest.mark.parametrize(
        "token",
        [
            "",
            "x",
            "..",
            "a.b.c",
            "a.b.c.d",
            "é.é.é",
            "\0",
            f"{encoded([])}.{encoded([])}.",
            f"{encoded('text')}.{encoded('text')}.",
            f"{encoded({'kid': {}, 'alg': 1})}.{encoded({})}.",
            "x" * 1_000_000,
        ],
        ids=lambda token: token[:20],
    )
    def test_refuses_what_is_no_token(self, tokens: AccessTokens, token: str) -> None:
        with pytest.raises(InvalidTokenError):
            tokens.verify(token)

    def test_believes_retired_keys_until_they_are_gone(
        self, tokens: AccessTokens, jwt_keys: str
    ) -> None:
        token = tokens.issue(USER, SESSION, Role.USER)
        [old] = json.loads(jwt_keys)["keys"]
        [new] = json.loads(generate_key_set())["keys"]

        def after(*keys: Any) -> AccessTokens:
            text = json.dumps({"keys": keys})
            return AccessTokens(KeySet.parse(text), issuer="us", audience="them", lifetime=900)

        assert after(new, old).verify(token).user_id == USER
        assert decoded(after(new, old).issue(USER, SESSION, Role.USER), 0)["kid"] == new["kid"]
        with pytest.raises(InvalidTokenError):
            after(new).verify(token)


class TestAVerificationThatIsRemembered:
    def test_ends_with_the_token(
        self, tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = tokens.issue(USER, SESSION, Role.USER)
        expires_at = tokens.verify(token).expires_at

        monkeypatch.setattr(time, "time", lambda: expires_at + 4.9)
        assert tokens.verify(token).user_id == USER
        monkeypatch.setattr(time, "time", lambda: expires_at + 5.0)
        with pytest.raises(ExpiredTokenError):
            tokens.verify(token)

    def test_ends_when_the_key_is_taken_out(self, tokens: AccessTokens, keys: KeySet) -> None:
        token = tokens.issue(USER, SESSION, Role.USER)
        tokens.verify(token)

        keys.replace(KeySet.parse(generate_key_set()))

        with pytest.raises(InvalidTokenError):
            tokens.verify(token)

    def test_outlasts_another_reading_of_the_keys(
        self, tokens: AccessTokens, keys: KeySet, jwt_keys: str
    ) -> None:
        token = tokens.issue(USER, SESSION, Role.USER)
        claims = tokens.verify(token)

        keys.replace(KeySet.parse(jwt_keys))

        assert tokens.verify(token) == claims
