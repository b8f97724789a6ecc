"""Routes stand in one list, whatever routers they came in."""

from fastapi import APIRouter, Depends, FastAPI, Request
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
