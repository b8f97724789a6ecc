"""The API's description, and its documentation for people."""

import re
from typing import Any

import pytest
from httpx import AsyncClient

from app import ids
from app.settings import Settings
from tests.support.api import assert_problem
from tools.databases import TestDatabase


@pytest.fixture
def database(shared_database: TestDatabase) -> TestDatabase:
    return shared_database


@pytest.fixture
async def description(client: AsyncClient) -> dict[str, Any]:
    described: dict[str, Any] = (await client.get("/openapi.json")).json()
    return described


def operations(description: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in description["paths"].values() for operation in path.values()]


async def test_describes_every_error_as_a_problem(description: dict[str, Any]) -> None:
    for operation in operations(description):
        for status, response in operation["responses"].items():
            if int(status) < 400 or "Health" in str(response):
                continue
            (media_type,) = response["content"]
            assert media_type == "application/problem+json", operation["operationId"]
            for code, example in response["content"][media_type]["examples"].items():
                assert example["value"]["code"] == code
                assert example["value"]["status"] == int(status)


async def test_says_for_every_operation_what_may_always_happen(
    description: dict[str, Any],
) -> None:
    for operation in operations(description):
        expected = {"500", "503", "504"}
        if "requestBody" in operation:
            expected |= {"400", "413", "422"}
        if "parameters" in operation:
            expected |= {"422"}
        if "security" in operation:
            expected |= {"401"}
        assert expected <= operation["responses"].keys(), operation["operationId"]


async def test_has_no_reference_into_the_void(description: dict[str, Any]) -> None:
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(description)))

    assert references
    assert references <= description["components"]["schemas"].keys()


async def test_says_where_a_token_is_needed(description: dict[str, Any]) -> None:
    paths = description["paths"]

    assert paths["/api/v1/users/me"]["get"]["security"] == [{"Bearer": []}]
    assert "security" not in paths["/api/v1/auth/login"]["post"]
    assert description["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"


async def test_tells_the_truth_about_tokens(
    client: AsyncClient, description: dict[str, Any]
) -> None:
    nothing = {"id": str(ids.LAST_ID)}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            response = await client.request(method, path.format(**nothing))

            required = operation.get("security") == [{"Bearer": []}]
            assert (response.status_code == 401) == required, operation["operationId"]


async def test_says_what_an_id_is(description: dict[str, Any]) -> None:
    (parameter,) = description["paths"]["/api/v1/users/{id}"]["get"]["parameters"]

    kind = "integer" if isinstance(ids.LAST_ID, int) else "string"
    assert parameter["schema"]["type"] == kind
    assert description["components"]["schemas"]["User"]["properties"]["id"]["type"] == kind


async def test_documentation_needs_no_internet(client: AsyncClient) -> None:
    page = await client.get("/docs")

    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert assets
    for asset in assets:
        assert asset.startswith("/"), asset
        assert (await client.get(asset)).status_code == 200, asset


class TestWhereItIsOff:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"api_docs": False})

    @pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc"])
    async def test_there_is_nothing(self, client: AsyncClient, path: str) -> None:
        assert_problem(await client.get(path), 404, "not_found")
