"""Pages of other origins: FRONTEND_ORIGINS names those that may call the service."""

import pytest
from httpx import AsyncClient

from app.settings import Settings
from tests.support.api import assert_problem
from tools.databases import TestDatabase

FRONT_END = "https://app.example.com"
ME = "/api/v1/users/me"

PREFLIGHT = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,content-type,if-match",
}


@pytest.fixture
def database(shared_database: TestDatabase) -> TestDatabase:
    return shared_database


class TestAFrontEnd:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={"frontend_origins": f"{FRONT_END} http://localhost:5173"}
        )

    @pytest.mark.parametrize("origin", [FRONT_END, "http://localhost:5173"])
    async def test_may_ask(self, client: AsyncClient, origin: str) -> None:
        response = await client.options(ME, headers={"Origin": origin, **PREFLIGHT})

        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == origin
        assert "PATCH" in response.headers["access-control-allow-methods"]
        allowed = response.headers["access-control-allow-headers"]
        assert allowed == PREFLIGHT["Access-Control-Request-Headers"]
        assert "Origin" in response.headers["vary"]
        assert response.headers["x-request-id"]

    @pytest.mark.parametrize(("path", "status"), [("/livez", 200), (ME, 401), ("/nowhere", 404)])
    async def test_may_read_every_answer(self, client: AsyncClient, path: str, status: int) -> None:
        response = await client.get(path, headers={"Origin": FRONT_END})

        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == FRONT_END
        assert "X-Request-Id" in response.headers["access-control-expose-headers"]
        assert "Origin" in response.headers["vary"]

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", f"{FRONT_END}.evil.example", "null", FRONT_END.upper()]
    )
    async def test_is_no_other_origin(self, client: AsyncClient, origin: str) -> None:
        preflight = await client.options(ME, headers={"Origin": origin, **PREFLIGHT})
        answer = await client.get("/livez", headers={"Origin": origin})

        assert_problem(preflight, 405, "method_not_allowed")
        assert answer.status_code == 200
        for response in (preflight, answer):
            assert not [name for name in response.headers if name.startswith("access-control-")]
            assert response.headers["vary"] == "Origin"


async def test_there_is_none_unless_it_is_named(client: AsyncClient) -> None:
    preflight = await client.options(ME, headers={"Origin": FRONT_END, **PREFLIGHT})

    assert_problem(preflight, 405, "method_not_allowed")
    assert not [name for name in preflight.headers if name.startswith("access-control-")]
