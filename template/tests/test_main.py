"""Applications of one process: what they share, and what each has of its own."""

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.auth.dependencies import require_user
from app.main import create_app
from app.problems import ForbiddenError
from app.settings import Settings
from tests.support.api import assert_problem


async def _refuse() -> None:
    raise ForbiddenError


@pytest.mark.parametrize("time", ["first", "second"])
async def test_a_dependency_is_replaced_for_one_test(
    app: FastAPI, client: AsyncClient, time: str
) -> None:
    before = await client.get("/api/v1/users/me")
    app.dependency_overrides[require_user] = _refuse

    after = await client.get("/api/v1/users/me")

    assert_problem(before, 401, "missing_token")
    assert_problem(after, 403, "forbidden")


def test_routes_of_one_application_are_in_no_other(settings: Settings) -> None:
    one, other = create_app(settings), create_app(settings)

    one.add_api_route("/mine", _refuse)

    assert len(one.routes) == len(other.routes) + 1
    assert one.openapi()["paths"].keys() - other.openapi()["paths"].keys() == {"/mine"}
