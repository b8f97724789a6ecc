"""HEAD, and methods that a path does not answer to."""

import pytest
from httpx import AsyncClient

from tests.support.api import assert_problem
from tools.databases import TestDatabase


@pytest.fixture
def database(shared_database: TestDatabase) -> TestDatabase:
    return shared_database


async def test_head_is_answered_like_get_without_a_body(client: AsyncClient) -> None:
    whole = await client.get("/livez")

    response = await client.head("/livez")

    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/livez", "GET, HEAD"),
        ("GET", "/api/v1/auth/login", "POST"),
        ("POST", "/api/v1/users/me", "DELETE, GET, HEAD, PATCH"),
        ("HEAD", "/api/v1/auth/login", "POST"),
    ],
)
async def test_another_method_is_answered_with_every_one_that_is_allowed(
    client: AsyncClient, method: str, path: str, allowed: str
) -> None:
    response = await client.request(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    if method != "HEAD":
        assert_problem(response, 405, "method_not_allowed")
