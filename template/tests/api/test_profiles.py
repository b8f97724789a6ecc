"""What everybody may know of a user."""

import uuid
from typing import Any

import pytest
from httpx import AsyncClient

from app import ids
from tests.support.api import assert_problem, sign_up

UUIDS = isinstance(ids.LAST_ID, uuid.UUID)
UNKNOWN: Any = uuid.UUID(int=0) if UUIDS else 2**63 - 1
ODD_ONES = ["1_0", "+1", "01", "1.0", "1e0", "0x1", "%201", "1%20", "\u0661", "9" * 5000]
"""What Python or pydantic reads as a number, though no id of ours is written like that."""
MALFORMED = ["x", "1"] if UUIDS else ["x", "0", "-1", "1.5", str(2**63), *ODD_ONES]


async def test_shows_no_address(client: AsyncClient) -> None:
    user = await sign_up(client)

    response = await client.get(f"/api/v1/users/{user.id}")

    assert response.status_code == 200
    assert response.json().keys() == {"id", "name", "created_at"}
    assert response.json()["id"] == user.id


async def test_of_nobody_is_not_found(client: AsyncClient) -> None:
    assert_problem(await client.get(f"/api/v1/users/{UNKNOWN}"), 404, "not_found")


@pytest.mark.parametrize("id", MALFORMED)
async def test_of_what_is_no_id_is_refused(client: AsyncClient, id: str) -> None:
    problem = assert_problem(await client.get(f"/api/v1/users/{id}"), 422, "validation_error")

    assert [error["field"] for error in problem["errors"]] == ["id"]


async def test_ids_have_the_type_that_was_chosen(client: AsyncClient) -> None:
    user = await sign_up(client)

    assert isinstance(user.id, str if UUIDS else int)
    if UUIDS:
        assert uuid.UUID(str(user.id)).version == 7
