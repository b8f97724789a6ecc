"""The service as a process of its own: what starts it, what stops it, what it prints."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, ConnectError, Response
from pydantic import SecretStr

from app import server
from app.db import Connection, DatabaseUnavailableError
from app.main import create_app
from app.settings import Settings
from tests.support.api import PASSWORD, assert_problem, bearer, log_in, register
from tests.support.processes import command, environment_of, serving
from tests.support.waiting import until
from tools.databases import TestDatabase

NOWHERE = "postgresql://somebody@127.0.0.1:1/nothing"


_WAITS_FOR = """
    SELECT EXISTS (
        SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND relation = $1::regclass AND NOT granted
    )
"""


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The environment of a service with the test's database."""
    return environment_of(settings)


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(base_url=url, timeout=30) as client:
        yield client


async def call_until_told_to_stop(url: str, all_connected: asyncio.Barrier) -> int:
    """Call again and again on one connection, until an answer says that it is the last.

    Returns how many answers there were.
    """
    async with open_connection(url) as call:
        await call()
        await all_connected.wait()
        answers = 2
        while not await call():
            answers += 1
        return answers


@asynccontextmanager
async def open_connection(url: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """A connection, as a function that calls on it and says whether the answer is the last.

    It raises `asyncio.IncompleteReadError` where the connection is closed before an answer.
    """
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)

    async def call() -> bool:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: service\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        [length] = re.findall(r"content-length: (\d+)", head)
        await reader.readexactly(int(length))
        return "connection: close" in head

    yield call
    writer.close()
    await writer.wait_closed()


@dataclass
class Waiting:
    """A request in flight, and what lets it go on."""

    response: "asyncio.Task[Response]"
    release: Callable[[], Awaitable[None]]


@asynccontextmanager
async def in_flight(client: AsyncClient, connection: Connection) -> AsyncIterator[Waiting]:
    """A request that the service can't answer before its row may be inserted."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("LOCK TABLE users")
    response = asyncio.create_task(register(client))

    async def waits() -> bool:
        assert not response.done(), await response
        return bool(await connection.fetchval(_WAITS_FOR, "users"))

    await until(waits)
    yield Waiting(response, transaction.rollback)
    response.cancel()
    await asyncio.wait({response})


@pytest.mark.parametrize("sent", [b"\x16\x03\x01 TLS", b"GET / HTTP/1.1\r\n: x\r\n\r\n"])
async def test_answers_what_is_no_http_with_a_problem(
    environment: dict[str, str], sent: bytes
) -> None:
    async with serving(environment) as (process, url):
        address = httpx.URL(url)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(sent)
        head, body = (await reader.read()).split(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        problem = json.loads(body)
        await process.printed(problem["request_id"])

    status, *lines = head.decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert status == "http/1.1 400 bad request"
    assert headers["content-type"] == "application/problem+json"
    assert headers["content-length"] == str(len(body))
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == problem["request_id"]
    assert problem["code"] == "malformed_request"


async def test_answers_over_the_network(environment: dict[str, str]) -> None:
    async with serving(environment) as (_, url), calling(url) as client:
        assert (await register(client)).status_code == 201
        tokens = (await log_in(client)).json()

        me = await client.get("/api/v1/users/me", headers=bearer(tokens["access_token"]))

        assert me.json()["email"] == "ada@example.com"
        assert "server" not in me.headers


async def test_describes_the_api_though_its_models_were_not_built(
    environment: dict[str, str], app: FastAPI
) -> None:
    environment["API_DOCS"] = "true"
    async with serving(environment) as (_, url), calling(url) as client:
        description = (await client.get("/openapi.json")).json()

    assert description == json.loads(json.dumps(app.openapi()))


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_finishes_what_is_in_flight(
        self, environment: dict[str, str], connection: Connection, number: signal.Signals
    ) -> None:
        async with (
            serving(environment) as (process, url),
            calling(url) as client,
            in_flight(client, connection) as waiting,
        ):
            process.signal(number)
            await process.printed("Shutting down")
            async with calling(url) as another:
                with pytest.raises(ConnectError):
                    await another.get("/livez")

            await waiting.release()

            assert (await waiting.response).status_code == 201
            assert await process.exit_code() == 0

    async def test_turns_health_before_the_listener_closes(
        self, environment: dict[str, str]
    ) -> None:
        environment["SHUTDOWN_DELAY"] = "60"
        async with serving(environment) as (process, url), calling(url) as client:
            assert (await client.get("/health")).status_code == 200

            process.signal(signal.SIGTERM)
            await until(lambda: _is_unhealthy(client))

            health = await client.get("/health")
            assert health.status_code == 503
            assert health.json()["stopping"] is True
            assert (await client.get("/livez")).status_code == 200
            async with calling(url) as another:
                assert (await another.get("/livez")).status_code == 200

    @pytest.mark.parametrize("delay", ["0", "0.5"])
    async def test_loses_no_request_of_connections_that_stay_open(
        self, environment: dict[str, str], delay: str
    ) -> None:
        environment["SHUTDOWN_DELAY"] = delay
        async with serving(environment) as (process, url):
            all_connected = asyncio.Barrier(21)
            calls = [call_until_told_to_stop(url, all_connected) for _ in range(20)]
            callers = asyncio.gather(*calls)
            await all_connected.wait()
            process.signal(signal.SIGTERM)

            answered = await callers
            assert await process.exit_code() == 0
        logged = [line for line in process.lines if '"message": "request"' in line]
        assert len(logged) == sum(answered)

    async def test_answers_what_comes_on_an_idle_connection_just_then(
        self, environment: dict[str, str]
    ) -> None:
        async with serving(environment) as (process, url), open_connection(url) as call:
            assert not await call()
            process.signal(signal.SIGTERM)

            async def refuses() -> bool:
                try:
                    async with open_connection(url):
                        return False
                except ConnectionRefusedError:
                    return True

            await until(refuses)
            assert await call(), "the last answer on this connection"
            assert await process.exit_code() == 0

    async def test_closes_the_listener_when_the_delay_is_over(
        self, environment: dict[str, str]
    ) -> None:
        environment["SHUTDOWN_DELAY"] = "0.2"
        async with serving(environment) as (process, _):
            process.signal(signal.SIGTERM)

            assert await process.exit_code() == 0

    async def test_says_what_was_cut_off(
        self, environment: dict[str, str], connection: Connection
    ) -> None:
        environment["SHUTDOWN_TIMEOUT"] = "1"
        async with (
            serving(environment) as (process, url),
            calling(url) as client,
            in_flight(client, connection),
        ):
            process.signal(signal.SIGTERM)

            assert await process.exit_code() == 1
            records = [json.loads(line) for line in process.lines]
            [cut] = [record for record in records if record["message"] == "requests_cut"]
            assert cut["count"] == 1
            assert cut["level"] == "error"
            [request] = [record for record in records if record["message"] == "request"]
            assert request["path"] == "/api/v1/auth/register"

    async def test_stops_at_once_on_a_second_signal(
        self, environment: dict[str, str], connection: Connection
    ) -> None:
        environment["SHUTDOWN_DELAY"] = environment["SHUTDOWN_TIMEOUT"] = "600"
        async with (
            serving(environment) as (process, url),
            calling(url) as client,
            in_flight(client, connection),
        ):
            process.signal(signal.SIGTERM)
            process.signal(signal.SIGINT)

            assert await process.exit_code() == 1
            assert "requests_cut" in process.output

    async def test_closes_its_connections(
        self, environment: dict[str, str], connection: Connection
    ) -> None:
        environment["DATABASE_APPLICATION_NAME"] = "stopping"
        environment["DATABASE_POOL_MIN_SIZE"] = "2"
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stopping'"
        async with serving(environment) as (process, _):
            assert await connection.fetchval(sessions) == 2

            process.signal(signal.SIGTERM)

            assert await process.exit_code() == 0
            assert await connection.fetchval(sessions) == 0


class TestStart:
    async def test_says_that_the_database_cant_be_reached(
        self, environment: dict[str, str]
    ) -> None:
        environment["DATABASE_URL"] = NOWHERE
        async with command("serve", environment=environment) as process:
            assert await process.exit_code() == 1
            [line] = process.lines
            assert line.startswith("error: the database can't be reached: ")

    def test_fails_where_the_database_goes_away_after_the_check(self, settings: Settings) -> None:
        gone = settings.model_copy(
            update={"database_url": SecretStr(NOWHERE), "database_pool_min_size": 1}
        )

        with pytest.raises(DatabaseUnavailableError, match="the database can't be reached"):
            server.serve(create_app(gone), gone, host="127.0.0.1", port=0)

    async def test_names_the_migrations_that_are_missing(
        self, environment: dict[str, str], empty_database: str
    ) -> None:
        environment["DATABASE_URL"] = empty_database
        async with command("serve", environment=environment) as process:
            assert await process.exit_code() == 1
            [line] = process.lines
            assert line.startswith("error: the database lacks 20260101000000_accounts")
            assert line.endswith(": run `app db migrate` first")

    async def test_migrates_where_it_is_told_to(
        self, environment: dict[str, str], empty_database: str
    ) -> None:
        environment |= {"DATABASE_URL": empty_database, "MIGRATE_ON_START": "true"}
        async with serving(environment) as (_, url), calling(url) as client:
            assert (await register(client)).status_code == 201

    async def test_says_that_its_address_is_taken(self, environment: dict[str, str]) -> None:
        async with serving(environment) as (_, url):
            port = url.rpartition(":")[2]
            async with command("serve", "--port", port, environment=environment) as second:
                assert await second.exit_code() == 1
                assert "address already in use" in second.output
                assert "Traceback" not in second.output

    async def test_reports_every_wrong_setting(self) -> None:
        environment = {"LOG_LEVEL": "loud", "DATABASE_URL": "mysql://somebody@localhost/app"}
        async with command("serve", environment=environment) as process:
            assert await process.exit_code() == 1
            assert "  DATABASE_URL: must begin with postgresql://" in process.output
            assert "  LOG_LEVEL: Input should be 'debug', 'info'" in process.output
            assert "Traceback" not in process.output


class TestLogs:
    async def test_are_json_with_a_line_a_request(self, environment: dict[str, str]) -> None:
        async with serving(environment) as (process, url):
            async with calling(url) as client:
                response = await client.get(
                    "/api/v1/users/1?secret=hidden", headers={"X-Request-Id": "the-one"}
                )
            process.signal(signal.SIGTERM)
            await process.exit_code()

        records = [json.loads(line) for line in process.lines]
        [request] = [record for record in records if record["message"] == "request"]
        assert request["request_id"] == "the-one"
        assert request["method"] == "GET"
        assert request["route"] == "/api/v1/users/{id}"
        assert request["status"] == response.status_code
        assert request["duration_ms"] > 0
        assert all({"level", "logger", "timestamp"} <= record.keys() for record in records)
        assert "hidden" not in process.output

    async def test_have_an_exception_on_its_request_s_line(
        self, environment: dict[str, str], connection: Connection
    ) -> None:
        async with serving(environment) as (process, url), calling(url) as client:
            await connection.execute("DROP TABLE refresh_tokens")
            await register(client)

            response = await log_in(client)

            assert_problem(response, 500, "internal_error")
            await process.printed("unforeseen_error")
            records = [json.loads(line) for line in process.lines]
            [record] = [one for one in records if one["message"] == "unforeseen_error"]
            assert record["request_id"] == response.headers["x-request-id"]
            assert "UndefinedTableError" in record["exception"]

    @pytest.mark.parametrize("log_format", ["json", "console"])
    async def test_hold_no_secret(
        self,
        environment: dict[str, str],
        database: TestDatabase,
        connection: Connection,
        jwt_keys: str,
        log_format: str,
    ) -> None:
        environment |= {"LOG_FORMAT": log_format, "LOG_LEVEL": "debug"}
        wrong_password = "a password that is wrong"
        async with serving(environment) as (process, url):
            async with calling(url) as client:
                await register(client)
                first = (await log_in(client)).json()
                refresh = {"refresh_token": first["refresh_token"]}
                second = (await client.post("/api/v1/auth/refresh", json=refresh)).json()
                await log_in(client, password=wrong_password)
                await register(client, password="too short")
                await client.get("/api/v1/users/me", headers=bearer(first["access_token"] + "x"))
                [password_hash] = await _hashes(connection)
                await connection.execute("DROP TABLE refresh_tokens")
                assert_problem(await log_in(client), 500, "internal_error")
                refresh = {"refresh_token": second["refresh_token"]}
                failed = await client.post("/api/v1/auth/refresh", json=refresh)
                assert_problem(failed, 500, "internal_error")
            process.signal(signal.SIGTERM)
            assert await process.exit_code() == 0

        assert "UndefinedTableError" in process.output, "the exceptions are in the log"
        secrets = [PASSWORD, wrong_password, "too short", password_hash, database.dsn]
        secrets += [first["access_token"], first["refresh_token"]]
        secrets += [second["access_token"], second["refresh_token"]]
        secrets += [value for key in json.loads(jwt_keys)["keys"] for value in _private(key)]
        assert [secret for secret in secrets if secret in process.output] == []


async def _is_unhealthy(client: AsyncClient) -> bool:
    return (await client.get("/health")).is_error


async def _hashes(connection: Connection) -> list[str]:
    return [row["password_hash"] for row in await connection.fetch("SELECT * FROM users")]


def _private(jwk: dict[str, str]) -> list[str]:
    """The values of a key that nobody else may know (RFC 7518, section 6)."""
    return [jwk[name] for name in ("k", "d", "p", "q", "dp", "dq", "qi") if name in jwk]
