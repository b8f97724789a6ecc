"""`app smoke`: tried with a service that works, with a broken one, and with none."""

from app.db import Connection
from app.settings import Settings
from tests.support.processes import command, environment_of, serving


async def test_a_service_that_works_passes_and_keeps_nothing(
    settings: Settings, connection: Connection
) -> None:
    async with (
        serving(environment_of(settings)) as (_, url),
        command("smoke", url, environment={}) as smoke,
    ):
        assert await smoke.exit_code() == 0, smoke.output

    assert smoke.lines == [
        "GET /health: 200",
        "POST /api/v1/auth/register: 201",
        "POST /api/v1/auth/login: 200",
        "GET /api/v1/users/me: 200",
        "DELETE /api/v1/users/me: 204",
    ]
    assert await connection.fetchval("SELECT count(*) FROM users") == 0


async def test_what_does_not_work_is_told(settings: Settings, connection: Connection) -> None:
    async with serving(environment_of(settings)) as (_, url):
        await connection.execute("ALTER TABLE refresh_tokens RENAME TO mislaid")
        async with command("smoke", url, environment={}) as smoke:
            assert await smoke.exit_code() == 1

    assert smoke.lines[:2] == ["GET /health: 200", "POST /api/v1/auth/register: 201"]
    assert smoke.lines[2].startswith("error: POST /api/v1/auth/login: 500, not 200: ")


async def test_where_nothing_listens_that_is_told() -> None:
    async with command("smoke", "http://127.0.0.1:1", environment={}) as smoke:
        assert await smoke.exit_code() == 1

    assert smoke.output.startswith("error: no service answers at http://127.0.0.1:1: ")
