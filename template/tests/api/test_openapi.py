"""The API's description, and its documentation for people."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import AsyncClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

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


def bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the request and of every answer, where there is one."""
    described = [operation.get("requestBody", {}), *operation["responses"].values()]
    return [each for each in described if "content" in each]


def examples(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where each example stands, what it is an example of, and the example."""
    for operation in operations(description):
        for described in bodies(operation):
            for content in described["content"].values():
                for example in content.get("examples", {}).values():
                    yield operation["operationId"], content["schema"], example["value"]
                if "example" in content:
                    yield operation["operationId"], content["schema"], content["example"]
    for name, header in description["components"]["headers"].items():
        for example in header["schema"].get("examples", []):
            yield name, header["schema"], example
    for name, schema in description["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            for example in described.get("examples", []):
                yield f"{name}.{field}", described, example


async def test_is_valid(description: dict[str, Any]) -> None:
    assert description["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(description).iter_errors()) == []


async def test_names_operations_as_client_generators_like_them(
    description: dict[str, Any],
) -> None:
    names = [operation["operationId"] for operation in operations(description)]

    assert {"register", "read_me", "list_users", "change_user"} <= set(names)
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and "api_v1" not in name for name in names)
    assert all(name.isidentifier() for name in description["components"]["schemas"])


async def test_gives_examples_that_are_what_they_are_examples_of(
    description: dict[str, Any],
) -> None:
    shown = list(examples(description))

    assert len(shown) > 50
    for where, schema, example in shown:
        validator = OAS31Validator(
            {**schema, "components": description["components"]},
            format_checker=OAS31Validator.FORMAT_CHECKER,
        )
        assert not list(validator.iter_errors(example)), where


async def test_shows_every_body(description: dict[str, Any]) -> None:
    for operation in operations(description):
        for described in bodies(operation):
            for content in described["content"].values():
                assert "example" in content or content["examples"], operation["operationId"]


async def test_describes_the_headers_of_every_answer(description: dict[str, Any]) -> None:
    needed = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
    for operation in operations(description):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"]
            if status in needed and "application/problem+json" in response["content"]:
                assert needed[status] in response["headers"], operation["operationId"]
    login = description["paths"]["/api/v1/auth/login"]["post"]["responses"]
    assert "Cache-Control" in login["200"]["headers"]
    assert all(header["required"] for header in description["components"]["headers"].values())


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
    for path, methods in description["paths"].items():
        for operation in methods.values():
            expected = {"500"}
            if path.startswith("/api/"):
                expected |= {"503", "504"}
            if "requestBody" in operation:
                expected |= {"400", "413", "422"}
            if "parameters" in operation:
                expected |= {"422"}
            if "security" in operation:
                expected |= {"401"}
            assert expected <= operation["responses"].keys(), operation["operationId"]


async def test_has_no_reference_into_the_void(description: dict[str, Any]) -> None:
    for kind in ("schemas", "headers"):
        references = set(re.findall(f"'#/components/{kind}/([^']+)'", str(description)))

        assert references
        assert references <= description["components"][kind].keys()


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


async def test_says_how_long_a_page_may_be(description: dict[str, Any]) -> None:
    parameters = description["paths"]["/api/v1/users"]["get"]["parameters"]

    [limit] = [parameter["schema"] for parameter in parameters if parameter["name"] == "limit"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100, 20)


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
