"""What every request and its answer have in common."""

import json

import pytest
from httpx import AsyncClient
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.ids import LAST_ID
from tests.support.api import assert_problem
from tools.databases import TestDatabase

LOGIN = "/api/v1/auth/login"


@pytest.fixture
def database(shared_database: TestDatabase) -> TestDatabase:
    return shared_database


class TestRequestIds:
    @pytest.mark.parametrize("given", ["a", "0" * 128, "A-z_0.9"])
    async def test_are_the_callers_where_they_are_well_formed(
        self, client: AsyncClient, given: str
    ) -> None:
        response = await client.get("/livez", headers={"X-Request-Id": given})

        assert response.headers["x-request-id"] == given

    @pytest.mark.parametrize("given", ["", "0" * 129, "a b", "a\tb", "<script>", "é", "a;b"])
    async def test_are_new_where_they_are_not(self, client: AsyncClient, given: str) -> None:
        response = await client.get("/livez", headers={b"X-Request-Id": given.encode()})

        assert response.headers["x-request-id"] != given
        assert len(response.headers["x-request-id"]) == 32

    async def test_are_new_for_each_request(self, client: AsyncClient) -> None:
        first, second = await client.get("/livez"), await client.get("/livez")

        assert first.headers["x-request-id"] != second.headers["x-request-id"]

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/livez"), ("GET", "/nowhere"), ("GET", LOGIN), ("HEAD", "/livez")],
    )
    async def test_are_on_every_answer(self, client: AsyncClient, method: str, path: str) -> None:
        response = await client.request(method, path, headers={"X-Request-Id": "mine"})

        assert response.headers["x-request-id"] == "mine"


async def test_are_logged_by_route(client: AsyncClient) -> None:
    with capture_logs([merge_contextvars]) as logs:
        await client.get("/api/v1/users/0?secret=1", headers={"X-Request-Id": "mine"})

    (line,) = [line for line in logs if line["event"] == "request"]
    assert line["request_id"] == "mine"
    assert line["method"] == "GET"
    assert line["path"] == "/api/v1/users/0"
    assert line["route"] == "/api/v1/users/{id}"
    assert line["status"] == 422
    assert line["duration_ms"] >= 0
    assert "secret" not in json.dumps(line)


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"nonsense",
            b'{"email": "\xff"}',
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b"\x00",
            b'{"email": "\x00"}',
            b'{"a": 1,}',
            b"{'a': 1}",
            b"1" * 5000,
            b'{"email": NaN}',
            b'{"email": [-Infinity]}',
            '{"email": "a@example.com"}'.encode("utf-16"),
        ],
        ids=[
            "open",
            "word",
            "not utf-8",
            "deep and open",
            "deep",
            "nul",
            "nul in a string",
            "trailing comma",
            "single quotes",
            "long number",
            "not a number",
            "infinity",
            "utf-16",
        ],
    )
    async def test_that_are_not_json_are_said_to_be(self, client: AsyncClient, body: bytes) -> None:
        response = await client.post(
            LOGIN, content=body, headers={"Content-Type": "application/json"}
        )

        assert_problem(response, 400, "invalid_json")

    async def test_are_read_strictly_by_every_route(self, client: AsyncClient) -> None:
        paths = (await client.get("/openapi.json")).json()["paths"]
        with_body = [
            (method, path.replace("{id}", str(LAST_ID)))
            for path, operations in paths.items()
            for method, operation in operations.items()
            if "requestBody" in operation
        ]

        assert with_body
        for method, path in with_body:
            response = await client.request(
                method, path, content=b"NaN", headers={"Content-Type": "application/json"}
            )
            assert_problem(response, 400, "invalid_json")

    @pytest.mark.parametrize(
        "body",
        [
            [],
            "text",
            None,
            {},
            {"email": 1, "password": 2},
            {"email": "ada@example.com", "password": None},
            {"email": "nobody", "password": "x"},
            {"email": "ada@example.com", "password": "x", "admin": True},
            {"email": "ada\x00@example.com", "password": "x"},
            {"email": [[[[]]]], "password": {"a": {"b": {}}}},
        ],
        ids=ascii,
    )
    async def test_of_another_shape_are_explained(self, client: AsyncClient, body: object) -> None:
        problem = assert_problem(await client.post(LOGIN, json=body), 422, "validation_error")

        assert problem["errors"]
        for error in problem["errors"]:
            assert error.keys() == {"field", "message", "type"}

    @pytest.mark.parametrize(
        "content_type",
        [
            b"text/plain",
            b"application/x-www-form-urlencoded",
            b"multipart/form-data",
            b"\xff",
            None,
        ],
    )
    async def test_that_are_no_json_by_their_type_are_not_read_as_such(
        self, client: AsyncClient, content_type: bytes | None
    ) -> None:
        """Else another site's form could send them without the browser asking first (CORS)."""
        response = await client.post(
            LOGIN,
            content=b'{"email": "ada@example.com", "password": "x"}',
            headers={b"Content-Type": content_type} if content_type else None,
        )

        assert_problem(response, 422, "validation_error")

    async def test_may_name_their_charset(self, client: AsyncClient) -> None:
        response = await client.post(
            LOGIN,
            content=b'{"email": "ada@example.com", "password": "x"}',
            headers={"Content-Type": "application/json; charset=utf-8"},
        )

        assert_problem(response, 401, "invalid_credentials")

    @pytest.mark.parametrize(
        "body",
        [
            rb'{"email": "ada@example.com", "password": "\ud800"}',
            rb'{"email": "\udfff@example.com", "password": "x"}',
            rb'{"\ud800": "x"}',
            rb'"\ud800"',
        ],
    )
    async def test_with_half_a_character_are_refused(
        self, client: AsyncClient, body: bytes
    ) -> None:
        response = await client.post(
            LOGIN, content=body, headers={"Content-Type": "application/json"}
        )

        assert_problem(response, 422, "validation_error")

    @pytest.mark.parametrize(
        "body",
        [
            {"email": "nobody", "password": "hunter2"},
            {"email": "nobody", "password": ["hunter2"]},
            {"password": "hunter2"},
            {"email": "ada@example.com", "password": "hunter2" * 74},
            ["hunter2"],
            "hunter2",
        ],
        ids=lambda body: str(body)[:40],
    )
    async def test_are_never_repeated(self, client: AsyncClient, body: object) -> None:
        response = await client.post(LOGIN, json=body)

        assert_problem(response, 422, "validation_error")
        assert "hunter2" not in response.text

    async def test_are_looked_at_only_after_the_token(self, client: AsyncClient) -> None:
        response = await client.patch("/api/v1/users/me", json={"nonsense": 1})

        assert_problem(response, 401, "missing_token")


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/users/me/nowhere", "/api/v1", "/%00"])
async def test_unknown_paths_are_not_found(client: AsyncClient, path: str) -> None:
    assert_problem(await client.get(path), 404, "not_found")
