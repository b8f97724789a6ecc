"""Access tokens, and what is tried with them (RFC 8725)."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from httpx import AsyncClient, Response

from app import about
from app.auth.keys import KeySet, generate_key_set
from app.auth.signing import ALGORITHM
from tests.support.api import Account, assert_problem, bearer, sign_up

IN_2100 = 4_102_444_800

Forge = Callable[..., str]
"""Makes a token like the user's own, but for the claims and headers given; None leaves one out."""


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
        return jwt.encode(
            changed, KeySet.parse(keys).signing.signing, algorithm=ALGORITHM, headers=header
        )

    return forge


async def ask(client: AsyncClient, token: str) -> Response:
    return await client.get("/api/v1/users/me", headers=bearer(token))


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
        {"aud": "somebody-else"},
        {"aud": [about.NAME, "somebody-else"]},
        {"iat": IN_2100},
        {"nbf": IN_2100},
        {"sub": "not-an-id"},
        {"sid": "not-an-id"},
        {"sub": 7},
        {"role": "emperor"},
        {"exp": "tomorrow"},
        {"jti": 1},
        *({name: None} for name in ("iss", "aud", "sub", "sid", "iat", "exp", "jti", "role")),
    ],
    ids=str,
)
async def test_wrong_and_missing_claims_are_refused(
    client: AsyncClient, forge: Forge, claims: dict[str, Any]
) -> None:
    assert_problem(await ask(client, forge(**claims)), 401, "invalid_token")


@pytest.mark.parametrize(
    "headers",
    [
        {"kid": "another"},
        {"kid": None},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"typ": "JWT"},
        {"typ": None},
        {"crit": ["exp"]},
    ],
    ids=str,
)
async def test_wrong_headers_are_refused(
    client: AsyncClient, forge: Forge, headers: dict[str, Any]
) -> None:
    assert_problem(await ask(client, forge(headers=headers)), 401, "invalid_token")


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk"])
async def test_a_key_that_comes_with_the_token_is_not_believed(
    client: AsyncClient, forge: Forge, name: str
) -> None:
    others = generate_key_set()
    offered: Any = json.loads(others)["keys"][0] if name == "jwk" else "https://evil.example/keys"

    token = forge(headers={name: offered}, keys=others)

    assert_problem(await ask(client, token), 401, "invalid_token")


async def test_another_key_of_the_same_name_is_refused(client: AsyncClient, forge: Forge) -> None:
    assert_problem(await ask(client, forge(keys=generate_key_set())), 401, "invalid_token")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "RS512", "ES256", ""])
async def test_another_algorithm_is_refused(
    client: AsyncClient, user: Account, algorithm: str
) -> None:
    _, payload, signature = user.access_token.split(".")
    header = jwt.get_unverified_header(user.access_token) | {"alg": algorithm}
    changed = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()

    for forged in (f"{changed}.{payload}.{signature}", f"{changed}.{payload}."):
        assert_problem(await ask(client, forged), 401, "invalid_token")


async def test_an_expired_token_says_so(client: AsyncClient, forge: Forge) -> None:
    now = int(time.time())

    response = await ask(client, forge(iat=now - 3600, exp=now - 60))

    assert_problem(response, 401, "expired_token")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "token",
    ["x", "x.y.z", "a.b", "....", "." * 100, "é.é.é", "x" * 10_000, "eyJhbGciOiJub25lIn0.e30."],
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


async def test_the_scheme_may_be_written_in_any_case(client: AsyncClient, user: Account) -> None:
    response = await client.get(
        "/api/v1/users/me", headers={"Authorization": f"bearer {user.access_token}"}
    )

    assert response.status_code == 200
