"""What is asked, one request at a time, to make ready what is measured."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Request:
    """What a program is asked."""

    path: str
    body: str | None = None
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        given = {}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        if self.body is not None:
            given["Content-Type"] = "application/json"
        return given


def send(url: str, request: Request) -> Any:
    """Send a request and return the answer's JSON. Fails where the answer is an error."""
    return _ask(url + request.path, request.body, request.headers)


def post(url: str, path: str, body: object, token: str | None = None) -> Any:
    """Send JSON and return the answer's. Fails where the answer is an error."""
    return send(url, Request(path, json.dumps(body), token))


def log_in(url: str, name: str, password: str) -> str:
    """Send the form that OAuth 2 has for passwords, and return the access token. Fails where the
    answer is an error.
    """
    token: str = _ask(url, urlencode({"username": name, "password": password}), {})["access_token"]
    return token


def _ask(url: str, body: str | None, headers: Mapping[str, str]) -> Any:
    data = body.encode() if body else None
    sent = urllib.request.Request(url, data, dict(headers))  # noqa: S310 - to a server of our own
    with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310
        return json.load(answer)
