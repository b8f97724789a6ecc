"""``app smoke``: whether a service that runs somewhere does what it is for."""

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli.failure import Failure

if TYPE_CHECKING:
    import httpx

_API: Final = "/api/v1"
_TIMEOUT: Final = 30
"""Seconds for an answer: a service that has just started may be slow, and is not broken."""


def smoke(
    url: Annotated[str, typer.Argument(help="Where it is: http://127.0.0.1:8000, say.")],
) -> None:
    """Try a running service: its health, and an account that registers, logs in and is deleted."""
    import httpx

    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT) as client:
            _expect(HTTPStatus.OK, client, "GET", "/health")
            _live_through_an_account(client)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise Failure(f"no service answers at {url}: {error}") from error


def _live_through_an_account(client: "httpx.Client") -> None:
    email = f"smoke-{secrets.token_hex(8)}@example.com"
    password = secrets.token_urlsafe(24)
    account = {"email": email, "name": "Smoke test", "password": password}
    _expect(HTTPStatus.CREATED, client, "POST", f"{_API}/auth/register", account)
    credentials = {"email": email, "password": password}
    answer = _expect(HTTPStatus.OK, client, "POST", f"{_API}/auth/login", credentials)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    _expect(HTTPStatus.OK, client, "GET", f"{_API}/users/me")
    confirmation = {"current_password": password}
    _expect(HTTPStatus.NO_CONTENT, client, "DELETE", f"{_API}/users/me", confirmation)


def _expect(
    status: HTTPStatus, client: "httpx.Client", method: str, path: str, body: Any = None
) -> "httpx.Response":
    """Send a request. Raises `Failure` where the answer is of another status."""
    answer = client.request(method, path, json=body)
    if answer.status_code != status:
        raise Failure(f"{method} {path}: {answer.status_code}, not {status}: {answer.text}")
    typer.echo(f"{method} {path}: {answer.status_code}")
    return answer
