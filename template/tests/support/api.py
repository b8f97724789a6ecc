"""Talking to the service as its callers do."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from httpx import AsyncClient, Response

PASSWORD = "correct horse battery staple"

_numbers = count(1)

_HEADERS: Final = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}
"""Without which an answer of that status leaves its caller helpless."""


@dataclass
class Account:
    """A registered user who is logged in."""

    id: Any
    email: str
    password: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.access_token)


def bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


async def register(
    client: AsyncClient, email: str = "ada@example.com", name: str = "Ada", password: str = PASSWORD
) -> Response:
    return await client.post(
        "/api/v1/auth/register", json={"email": email, "name": name, "password": password}
    )


async def log_in(
    client: AsyncClient, email: str = "ada@example.com", password: str = PASSWORD
) -> Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def sign_up(client: AsyncClient, email: str | None = None) -> Account:
    """Register somebody and log them in."""
    email = email or f"user{next(_numbers)}@example.com"
    registered = (await register(client, email)).json()
    tokens = (await log_in(client, email)).json()
    return Account(
        id=registered["id"],
        email=email,
        password=PASSWORD,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """Check that it is the problem expected, of the form that RFC 9457 and the contract want."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert {"type", "title", "detail"} <= problem.keys()
    assert status not in _HEADERS or response.headers[_HEADERS[status]]
    return problem
