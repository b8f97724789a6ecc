"""Access tokens, and what is tried with them (RFC 8725)."""

import base64
import json
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
        return jwt.encode(
            changed, KeySet.parse(keys).signing.signing, algorithm=ALGORITHM, headers=header
        )

    return forge


async def ask(client: AsyncClient, token: str) -> Response:
    return await client.get("/api/v1/users/me", headers=bearer(token))


def encoded(content: object) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


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


async def test_claims_that_were_changed_are_refused(client: AsyncClient, user: Account) -> None:
    header, payload, signature = user.access_token.split(".")
    changed = decoded(payload) | {"sub": str(LAST_ID)}

    response = await ask(client, f"{header}.{encoded(changed)}.{signature}")

    assert_problem(response, 401, "invalid_token")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "RS512", "ES256", ""])
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
