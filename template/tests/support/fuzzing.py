"""What schemathesis needs to know to test this service; it imports this in a process of its own."""

import asyncio
import os
from itertools import count
from typing import Any, Final

import asyncpg
import httpx
import schemathesis
from schemathesis import AuthContext, Case, CheckContext, Response

from tests.support.api import PASSWORD, bearer

CALLER: Final = os.environ["CALLER"]
"""A role, or nobody."""
_API: Final = f"{os.environ['SERVICE_URL']}/api/v1"
_numbers = count(1)


class SomebodyNew:
    """Calls as a user who has just registered; after a 401, which is what logging out or deleting
    the account leads to, as another one. What the fuzzer guesses of passwords is then right at
    times: it is the one of the examples.
    """

    def get(self, case: Case[Any], context: AuthContext) -> dict[str, str]:
        email = f"{CALLER}{next(_numbers)}@example.com"
        credentials = {"email": email, "password": PASSWORD}
        with httpx.Client(base_url=f"{_API}/auth") as client:
            client.post("/register", json={**credentials, "name": "Ada"}).raise_for_status()
            asyncio.run(_appoint(email))
            tokens = client.post("/login", json=credentials).raise_for_status().json()
        return bearer(tokens["access_token"])

    def set(self, case: Case[Any], data: dict[str, str], context: AuthContext) -> None:
        case.headers.update(data)


if CALLER != "nobody":
    schemathesis.auth()(SomebodyNew)


@schemathesis.check
def problem_code_conformance(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """The code of a problem is one that the description has an example of."""
    if not response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        return
    described = case.operation.definition.raw["responses"].get(str(response.status_code))
    if described:
        codes = described["content"]["application/problem+json"]["examples"].keys()
        assert response.json()["code"] in codes, f"{response.json()['code']} is not described"


async def _appoint(email: str) -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("UPDATE users SET role = $2 WHERE email = $1", email, CALLER)
    await connection.close()
