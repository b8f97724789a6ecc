"""Access tokens, and what is tried with them (RFC 8725)."""

import base64
import json
import math
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr

from app import about
from app.auth.keys import KeySet, generate_key_set
from app.auth.signing import ALGORITHM
from app.db import Connection
from app.ids import LAST_ID
from app.main import create_app
from app.settings import Settings
from tests.support.api import Account, assert_problem, bearer, sign_up
from tools.databases import TestDatabase

IN_2100 = 4_102_444_800

OTHER_ALGORITHMS = sorted({"HS256", "HS384", "RS256", "RS512", "PS256", "ES256"} - {ALGORITHM})

Forge = Callable[..., str]
"""Makes a token like the user's own, but for the claims and headers given; None leaves one out."""


@pytest.fixture
def database(shared_database: TestDatabase) -> TestDatabase:
    return shared_database


@pytest.fixture
async def user(client: AsyncClient) -> Account:
    return await sign_up(client)


@pytest.fixture
def forge(user: Account, jwt_keys: str) -> Forge:
    own = jwt.decode(user.access_token, options={"verify_signature": False})
    own_header = jwt.get_unverified_header(user.access_token)

    def forge(headers: dict[str, Any] | None = None, keys: str = jwt_keys, **claims: Any) -> str:
        changed = {name: value for name, value in (own | claims).items() if value is not None}
        header = own_header | (headers or {})
        header = {name: value for name, value in header.items() if value is not None}
        # Below jwt.encode, which refuses to make some of the tokens that are to be refused.
        return jwt.PyJWS().encode(
            json.dumps(changed).encode(),
            KeySet.parse(keys).signing.signing,
            algorithm=ALGORITHM,
            headers=header,
        )

    return forge


async def ask(client: AsyncClient, token: str) -> Response:
    return await client.get("/api/v1/users/me", headers=bearer(token))


def encoded(content: object) -> str:
    """A part of a token."""
    return encoded_bytes(json.dumps(content).encode())


def encoded_bytes(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return content


async def test_carry_what_the_contract_says(user: Account) -> None:
    claims = jwt.decode(user.access_token, options={"verify_signature": False})
    header = jwt.get_unverified_header(user.access_token)

    assert claims.keys() >= {"iss", "aud", "sub", "iat", "exp", "jti", "role"}
    assert claims["iss"] == claims["aud"] == about.NAME
    assert claims["sub"] == str(user.id)
    assert claims["role"] == "user"
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert header["alg"] == ALGORITHM
    assert header["kid"]


async def test_a_token_like_ours_is_accepted(client: AsyncClient, forge: Forge) -> None:
    """Without this, the refusals below would prove nothing."""
    assert (await ask(client, forge())).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody-else"},
        {"iss": f"{about.NAME}."},
        {"iss": [about.NAME]},
        {"iss": {}},
        {"aud": "somebody-else"},
        {"aud": [about.NAME]},
        {"aud": [about.NAME, "somebody-else"]},
        {"aud": []},
        {"aud": 1},
        {"iat": IN_2100},
        {"iat": "yesterday"},
        {"iat": "1"},
        {"iat": True},
        {"iat": 1.5},
        {"iat": []},
        {"nbf": IN_2100},
        {"nbf": "tomorrow"},
        {"nbf": math.inf},
        {"exp": "tomorrow"},
        {"exp": str(IN_2100)},
        {"exp": IN_2100 + 0.5},
        {"exp": math.inf},
        {"exp": math.nan},
        {"exp": {}},
        {"sub": "not-an-id"},
        {"sub": ""},
        {"sub": "\0"},
        {"sub": "\ud800"},
        {"sub": 7},
        {"sub": [str(LAST_ID)]},
        {"sub": "9" * 2000},
        {"sid": "not-an-id"},
        {"sid": 7},
        {"sid": [str(LAST_ID)]},
        {"role": "emperor"},
        {"role": "ADMIN"},
        {"role": ["admin"]},
        {"role": {"admin": True}},
        {"role": 1},
        {"jti": 1},
        {"jti": []},
        *({name: None} for name in ("iss", "aud", "sub", "sid", "iat", "exp", "jti", "role")),
    ],
    ids=lambda claims: ascii(claims)[:40],
)
async def test_wrong_and_missing_claims_are_refused(
    client: AsyncClient, forge: Forge, claims: dict[str, Any]
) -> None:
    assert_problem(await ask(client, forge(**claims)), 401, "invalid_token")


@pytest.mark.parametrize(
    "headers",
    [
        {"typ": "JWT"},
        {"typ": "rt+jwt"},
        {"typ": None},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": "exp"},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF", "crit": ["zip"]},
    ],
    ids=str,
)
async def test_wrong_headers_are_refused(
    client: AsyncClient, forge: Forge, headers: dict[str, Any]
) -> None:
    assert_problem(await ask(client, forge(headers=headers)), 401, "invalid_token")


@pytest.fixture
def sign(user: Account, jwt_keys: str) -> Callable[[str, str], str]:
    """Signs whatever header and claims are given, with the service's own key. Where it says KID,
    ALG or CLAIMS, those of a good token are put.
    """
    header, claims, _ = user.access_token.split(".")
    good = {"KID": decoded(header)["kid"], "ALG": ALGORITHM, "CLAIMS": json.dumps(decoded(claims))}

    def sign(header: str, claims: str = "CLAIMS") -> str:
        for name, value in good.items():
            header, claims = header.replace(name, value), claims.replace(name, value)
        signed = f"{encoded_bytes(header.encode())}.{encoded_bytes(claims.encode())}"
        key = KeySet.parse(jwt_keys).signing.signing
        signature = jwt.get_algorithm_by_name(ALGORITHM).sign(signed.encode(), key)
        return f"{signed}.{encoded_bytes(signature)}"

    return sign


GOOD_HEADER = '{"alg": "ALG", "typ": "at+jwt", "kid": "KID"}'


async def test_a_token_signed_by_hand_is_accepted(
    client: AsyncClient, sign: Callable[..., str]
) -> None:
    """Without this, too, the refusals below would prove nothing."""
    assert (await ask(client, sign(GOOD_HEADER))).status_code == 200


@pytest.mark.parametrize(
    "kid",
    [
        '"another"',
        '""',
        '"KID "',
        '"KID/../KID"',
        '"../../dev/null"',
        '"/dev/null"',
        '"file:///dev/null"',
        '"https://evil.example/key"',
        '"\' OR 1=1 --"',
        "\"KID' UNION SELECT 'x\"",
        '"KID|/bin/true"',
        '"KID\\u0000"',
        '"\\ud800"',
        f'"{"x" * 2500}"',
        "null",
        "true",
        "1",
        "1e999",
        "[]",
        '["KID"]',
        '{"KID": "KID"}',
        '"KID", "kid": "another"',  # the last of two counts (RFC 7515, section 4)
        '"KID", "kid": null',
    ],
    ids=lambda kid: kid[:30],
)
async def test_a_key_is_taken_by_its_exact_name_alone(
    client: AsyncClient, sign: Callable[..., str], kid: str
) -> None:
    token = sign(GOOD_HEADER.replace('"KID"', kid))

    assert_problem(await ask(client, token), 401, "invalid_token")


async def test_a_token_that_names_no_key_is_refused(
    client: AsyncClient, sign: Callable[..., str]
) -> None:
    token = sign('{"alg": "ALG", "typ": "at+jwt"}')

    assert_problem(await ask(client, token), 401, "invalid_token")


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ("[]", "CLAIMS"),
        ("null", "CLAIMS"),
        ("{}", "CLAIMS"),
        (f"{GOOD_HEADER} x", "CLAIMS"),
        (GOOD_HEADER.replace('"ALG"', "1"), "CLAIMS"),
        (GOOD_HEADER.replace('"ALG"', '["ALG"]'), "CLAIMS"),
        (GOOD_HEADER.replace('"ALG"', '"ALG", "alg": "none"'), "CLAIMS"),
        (GOOD_HEADER.replace('"at+jwt"', "1"), "CLAIMS"),
        (GOOD_HEADER.replace('"at+jwt"', "[]"), "CLAIMS"),
        (GOOD_HEADER, ""),
        (GOOD_HEADER, "[]"),
        (GOOD_HEADER, "null"),
        (GOOD_HEADER, "1"),
        (GOOD_HEADER, '"CLAIMS"'),
        (GOOD_HEADER, "CLAIMS,"),
        (GOOD_HEADER, "[" * 1500),
        (GOOD_HEADER, "{" + '"a":[' * 400 + "]" * 400 + "}"),
    ],
    ids=lambda part: part[:40],
)
async def test_what_is_well_signed_but_no_token_is_refused(
    client: AsyncClient, sign: Callable[..., str], header: str, claims: str
) -> None:
    assert_problem(await ask(client, sign(header, claims)), 401, "invalid_token")


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
async def test_a_key_that_comes_with_the_token_is_not_believed(
    client: AsyncClient, forge: Forge, name: str
) -> None:
    others = generate_key_set()
    offered: Any = {
        "jwk": json.loads(others)["keys"][0],
        "x5c": [base64.b64encode(b"a certificate").decode()],
    }.get(name, "https://evil.example/keys")

    token = forge(headers={name: offered}, keys=others)

    assert_problem(await ask(client, token), 401, "invalid_token")


async def test_another_key_of_the_same_name_is_refused(client: AsyncClient, forge: Forge) -> None:
    assert_problem(await ask(client, forge(keys=generate_key_set())), 401, "invalid_token")


async def test_claims_that_were_changed_are_refused(client: AsyncClient, user: Account) -> None:
    header, payload, signature = user.access_token.split(".")
    changed = decoded(payload) | {"sub": str(LAST_ID)}

    response = await ask(client, f"{header}.{encoded(changed)}.{signature}")

    assert_problem(response, 401, "invalid_token")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", *OTHER_ALGORITHMS, ""])
async def test_another_algorithm_is_refused(
    client: AsyncClient, user: Account, algorithm: str
) -> None:
    _, payload, signature = user.access_token.split(".")
    header = encoded(jwt.get_unverified_header(user.access_token) | {"alg": algorithm})

    for forged in (f"{header}.{payload}.{signature}", f"{header}.{payload}."):
        assert_problem(await ask(client, forged), 401, "invalid_token")


async def test_an_expired_token_says_so(client: AsyncClient, forge: Forge) -> None:
    now = int(time.time())

    response = await ask(client, forge(iat=now - 3600, exp=now - 60))

    assert_problem(response, 401, "expired_token")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_token_of_no_session_is_revoked(client: AsyncClient, forge: Forge) -> None:
    response = await ask(client, forge(sid=str(LAST_ID)))

    assert_problem(response, 401, "revoked_token")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_token_ends_with_its_session(
    client: AsyncClient, user: Account, connection: Connection
) -> None:
    await connection.execute("UPDATE sessions SET expires_at = now()")

    assert_problem(await ask(client, user.access_token), 401, "revoked_token")


async def test_a_token_larger_than_any_of_ours_is_refused(
    client: AsyncClient, forge: Forge
) -> None:
    assert_problem(await ask(client, forge(more="x" * 4096)), 401, "invalid_token")


async def test_a_refresh_token_is_no_access_token(client: AsyncClient, user: Account) -> None:
    assert_problem(await ask(client, user.refresh_token), 401, "invalid_token")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "x.y.z",
        "a.b",
        "....",
        "." * 100,
        "é.é.é",
        "x" * 10_000,
        "eyJhbGciOiJub25lIn0.e30.",  # {"alg":"none"}.{}
        "bnVsbA.bnVsbA.eA",  # null.null
        "W10.W10.eA",  # [].[]
        "W1tb" * 1000 + ".e30.eA",  # [[[[…
        "a.b.c.d.e",  # as of an encrypted token (RFC 7516)
        '{"payload": "e30", "signature": "eA"}',  # RFC 7515, section 7.2
        "x y",
        "x, Bearer y",
    ],
    ids=lambda token: token[:20],
)
async def test_what_is_no_token_is_refused(client: AsyncClient, token: str) -> None:
    response = await client.get(
        "/api/v1/users/me", headers={b"Authorization": f"Bearer {token}".encode()}
    )

    assert_problem(response, 401, "invalid_token")
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
async def test_no_token_is_said_without_an_error(client: AsyncClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    response = await client.get("/api/v1/users/me", headers=headers)

    assert_problem(response, 401, "missing_token")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("second", ["good", "x", ""])
async def test_one_of_several_tokens_is_not_chosen(
    client: AsyncClient, user: Account, second: str
) -> None:
    """A proxy in front may have believed the other one."""
    good = f"Bearer {user.access_token}"
    other = good if second == "good" else f"Bearer {second}"

    for pair in ([good, other], [other, good]):
        response = await client.get(
            "/api/v1/users/me", headers=[("Authorization", value) for value in pair]
        )
        assert_problem(response, 401, "invalid_token")


async def test_a_token_elsewhere_is_not_looked_for(client: AsyncClient, user: Account) -> None:
    """RFC 6750, section 5.3: addresses end up in logs."""
    response = await client.get("/api/v1/users/me", params={"access_token": user.access_token})

    assert_problem(response, 401, "missing_token")


async def test_the_scheme_may_be_written_in_any_case(client: AsyncClient, user: Account) -> None:
    response = await client.get(
        "/api/v1/users/me", headers={"Authorization": f"bearer {user.access_token}"}
    )

    assert response.status_code == 200


class TestRotation:
    """A service with another set of keys, on the same database."""

    async def ask_with_keys(
        self, settings: Settings, keys: list[dict[str, Any]], token: str
    ) -> Response:
        jwt_keys = SecretStr(json.dumps({"keys": keys}))
        app = create_app(settings.model_copy(update={"jwt_keys": jwt_keys}))
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://service") as client,
        ):
            return await ask(client, token)

    async def test_of_keys_logs_nobody_out(
        self, settings: Settings, user: Account, jwt_keys: str
    ) -> None:
        new = json.loads(generate_key_set())["keys"]
        old = json.loads(jwt_keys)["keys"]

        response = await self.ask_with_keys(settings, new + old, user.access_token)

        assert response.status_code == 200

    async def test_is_complete_when_the_old_key_is_gone(
        self, settings: Settings, user: Account
    ) -> None:
        new = json.loads(generate_key_set())["keys"]

        response = await self.ask_with_keys(settings, new, user.access_token)

        assert_problem(response, 401, "invalid_token")
