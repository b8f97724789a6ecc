"""Orders."""

from httpx import AsyncClient
from tests.support.api import sign_up


async def test_lists_all(client: AsyncClient) -> None:
    account = await sign_up(client)

    response = await client.get("/api/v1/orders", headers=account.headers)

    assert response.json() == [{"id": 1, "title": "The first", "paid": False}]
