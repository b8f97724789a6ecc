"""A slash at the end of a path."""

from httpx import AsyncClient

from tests.support.api import assert_problem


async def test_makes_no_difference(client: AsyncClient) -> None:
    response = await client.get("/livez/")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


async def test_of_an_unknown_path_is_not_found(client: AsyncClient) -> None:
    assert_problem(await client.get("/nowhere/"), 404, "not_found")
