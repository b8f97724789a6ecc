"""Routes stand in one list, whatever routers they came in."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.http import routing


async def _mark(request: Request) -> None:
    request.state.marked = True


def _nested() -> FastAPI:
    inner = APIRouter(prefix="/inner", tags=["inner"])
    outer = APIRouter(prefix="/outer", tags=["outer"], dependencies=[Depends(_mark)])

    @inner.get("/{name}", responses={404: {"description": "Nobody"}})
    async def read(name: str, request: Request) -> dict[str, object]:
        return {"name": name, "marked": request.state.marked}

    @outer.post("/inner/{name}", status_code=201)
    async def write(name: str) -> str:
        return name

    outer.include_router(inner, responses={503: {"description": "Later"}})
    application = FastAPI()
    application.include_router(outer)
    return application


def _client(application: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(application), base_url="http://service")


async def test_flat_routes_are_described_and_answer_as_nested_ones() -> None:
    nested, flat = _nested(), _nested()
    routing.flatten(flat)

    assert all(isinstance(route, APIRoute | Route) for route in flat.routes)
    assert flat.openapi() == nested.openapi()
    for application in (nested, flat):
        async with _client(application) as client:
            read = await client.get("/outer/inner/ada")
            assert read.json() == {"name": "ada", "marked": True}
            assert (await client.post("/outer/inner/ada")).status_code == 201
            assert (await client.put("/outer/inner/ada")).status_code == 405
            assert (await client.get("/inner/ada")).status_code == 404


async def _layers(request: Request) -> dict[str, bool]:
    return {"all": "fastapi_middleware_astack" in request.scope}


async def _named(name: str) -> dict[str, str]:
    return {"name": name}


async def _fail() -> dict[str, bool]:
    raise LookupError("nothing there")


class _CountingRoute(APIRoute):
    """A route with something of its own to do."""

    requests = 0

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def count(request: Request) -> Response:
            type(self).requests += 1
            return await handle(request)

        return count


def _short() -> FastAPI:
    application = FastAPI()
    application.get("/layers")(_layers)
    application.get("/layers/{name}")(_layers)
    application.get("/{name}")(_named)
    application.get("/later")(_layers)
    application.get("/fail/at/once")(_fail)
    application.mount("/mounted", Starlette())
    application.get("/behind/the/mounted")(_layers)
    routing.flatten(application)
    return application


@pytest.mark.parametrize(
    ("path", "layers"),
    [("/layers", False), ("/layers/a", True), ("/behind/the/mounted", True)],
)
async def test_a_path_without_parameters_leads_straight_to_its_handler(
    path: str, layers: bool
) -> None:
    async with _client(_short()) as client:
        assert (await client.get(path)).json() == {"all": layers}
        assert (await client.post(path)).status_code == 405


async def test_an_earlier_route_that_answers_the_path_is_asked() -> None:
    async with _client(_short()) as client:
        assert (await client.get("/later")).json() == {"name": "later"}


async def test_an_application_below_a_path_of_a_proxys_is_answered() -> None:
    transport = ASGITransport(_short(), root_path="/api")
    async with AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await client.get("/api/layers")).json() == {"all": True}


async def test_what_goes_wrong_is_answered_by_the_applications_handler() -> None:
    application = _short()

    @application.exception_handler(LookupError)
    async def _(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(f"{request.url.path}: {error}", 410)

    async with _client(application) as client:
        response = await client.get("/fail/at/once")

    assert (response.status_code, response.text) == (410, "/fail/at/once: nothing there")


async def test_what_has_no_handler_is_left_to_the_outermost_layer() -> None:
    application = _short()
    seen: list[Exception] = []

    @application.exception_handler(Exception)
    async def _(_request: Request, error: Exception) -> PlainTextResponse:
        seen.append(error)
        return PlainTextResponse("sorry", 500)

    async with _client(application) as client:
        with pytest.raises(LookupError):  # which the server would log
            await client.get("/fail/at/once")

    assert len(seen) == 1


async def test_a_route_with_something_of_its_own_to_do_does_it() -> None:
    router = APIRouter(route_class=_CountingRoute)
    router.get("/layers")(_layers)
    application = FastAPI()
    application.include_router(router)
    routing.flatten(application)

    async with _client(application) as client:
        assert (await client.get("/layers")).json() == {"all": True}

    assert _CountingRoute.requests == 1


async def test_what_is_mounted_stays_where_it_is() -> None:
    async def hello(_: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    router = APIRouter()
    router.mount("/mounted", Starlette(routes=[Route("/hello", hello)]))
    application = FastAPI()
    application.include_router(router, prefix="/with")
    routing.flatten(application)

    async with _client(application) as client:
        assert (await client.get("/with/mounted/hello")).text == "hello"
