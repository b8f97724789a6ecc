"""What handlers are asked for without FastAPI's preparations is answered as with them."""

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel

from app.http import routing
from app.http.prepared import Prepared
from app.main import create_app
from app.settings import Settings


class Answer(BaseModel):
    given: list[str]


def _saying(*given: object) -> Answer:
    return Answer(given=[repr(each) for each in given])


async def nothing() -> Answer:
    return _saying()


async def query(
    needed: int,
    limit: Annotated[int, Query(ge=1)] = 20,
    tags: Annotated[list[str], Query()] = ["a"],  # noqa: B006 -- which FastAPI copies
) -> Answer:
    tags.append("b")
    return _saying(needed, limit, tags)


async def defaults(limit: Annotated[int, Query(ge=1)] = 20, name: str | None = None) -> Answer:
    return _saying(limit, name)


async def places(
    id: int, x_name: Annotated[str, Header()], key: Annotated[str, Cookie()] = "none"
) -> Answer:
    return _saying(id, x_name, key)


async def whole(request: Request) -> Answer:
    return _saying(request.method, request.query_params)


async def noted(response: Response, status: int = 200) -> Answer:
    response.headers["ETag"] = '"1"'
    response.status_code = status
    return _saying()


async def made(response: Response) -> Answer | Response:
    response.headers["ETag"] = '"1"'
    return PlainTextResponse("made", 203)


async def _number(request: Request) -> int:
    if request.headers.get("x-number") is None:
        raise HTTPException(401, "no number")
    return int(request.headers["x-number"])


async def _greeting() -> str:
    return "hello"


async def _opened() -> AsyncIterator[str]:
    yield "opened"


def _blocking() -> str:
    return "blocking"


async def dependent(
    number: Annotated[int, Depends(_number)],
    greeting: Annotated[str, Depends(_greeting)],
    limit: Annotated[int, Query(ge=1)] = 20,
) -> Answer:
    return _saying(number, greeting, limit)


async def dependent_on_more(
    opened: Annotated[str, Depends(_opened)], blocking: Annotated[str, Depends(_blocking)]
) -> Answer:
    return _saying(opened, blocking)


async def dependent_twice(
    first: Annotated[str, Depends(_greeting)], second: Annotated[str, Depends(_greeting)]
) -> Answer:
    return _saying(first, second)


def blocking() -> Answer:
    return _saying()


HANDLERS = (
    *(nothing, query, defaults, whole, noted, made, blocking),
    *(dependent, dependent_on_more, dependent_twice),
)


def _router() -> APIRouter:
    router = APIRouter(dependencies=[Depends(_greeting)])
    for handler in HANDLERS:
        router.get(f"/{handler.__name__}", response_model=Answer)(handler)
    router.get("/places/{id}")(places)
    return router


def _client(application: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(application), base_url="http://service")


@pytest.fixture
def application() -> FastAPI:
    application = FastAPI()
    application.include_router(_router())
    routing.flatten(application)
    return application


@pytest.fixture
async def ours(application: FastAPI) -> AsyncIterator[AsyncClient]:
    async with _client(application) as client:
        yield client


@pytest.fixture
async def fastapis() -> AsyncIterator[AsyncClient]:
    application = FastAPI()
    application.include_router(_router())
    async with _client(application) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 200),
        ("/query", 422),
        ("/query?needed=1", 200),
        ("/query?needed=1&tags=x&tags=y&limit=3", 200),
        ("/query?needed=1&limit=0", 422),
        ("/query?needed=one&limit=none", 422),
        ("/defaults", 200),
        ("/defaults?unknown=1", 200),
        ("/defaults?limit=3&name=Ada", 200),
        ("/defaults?limit=0", 422),
        ("/places/1", 200),
        ("/places/one", 422),
        ("/whole?a=1", 200),
        ("/noted", 200),
        ("/noted?status=202", 202),
        ("/noted?status=x", 422),
        ("/made", 203),
        ("/blocking", 200),
        ("/dependent", 200),
        ("/dependent?limit=0", 422),
        ("/dependent_on_more", 200),
        ("/dependent_twice", 200),
    ],
)
async def test_an_answer_is_fastapis(
    ours: AsyncClient, fastapis: AsyncClient, path: str, status: int
) -> None:
    headers = {"X-Name": "Ada", "X-Number": "1", "Cookie": "key=1"}

    for _ in range(2):  # nothing is left of the first
        response = await ours.get(path, headers=headers)
        expected = await fastapis.get(path, headers=headers)

        assert response.status_code == expected.status_code == status
        assert response.headers == expected.headers
        assert response.content == expected.content


@pytest.mark.parametrize("path", ["/dependent", "/dependent?limit=0"])
async def test_a_dependency_refuses_before_a_parameter(
    ours: AsyncClient, fastapis: AsyncClient, path: str
) -> None:
    response = await ours.get(path)
    expected = await fastapis.get(path)

    assert response.status_code == expected.status_code == 401
    assert response.content == expected.content


async def test_a_test_may_replace_a_dependency(application: FastAPI, ours: AsyncClient) -> None:
    application.dependency_overrides[_number] = lambda: 7

    response = await ours.get("/dependent")

    assert response.json() == {"given": ["7", "'hello'", "20"]}


@pytest.mark.parametrize("path", ["/api/v1/users/me", "/api/v1/users/{id}", "/api/v1/users"])
def test_the_routes_that_are_asked_most_are_prepared(settings: Settings, path: str) -> None:
    [route] = [
        route
        for route in create_app(settings).routes
        if isinstance(route, APIRoute) and (route.path, route.methods) == (path, {"GET"})
    ]

    assert isinstance(route.app, Prepared)
