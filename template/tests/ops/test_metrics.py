"""What Prometheus sees of a service at work."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from httpx import AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from app import about
from app.db import Connection
from app.settings import Settings
from tests.support.api import register
from tests.support.processes import environment_of, serving
from tests.support.waiting import until

REQUESTS = "http_server_request_duration_seconds_count"


@dataclass
class Service:
    client: AsyncClient
    metrics_url: str

    async def scrape(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """The samples, by their name and their sorted labels."""
        async with AsyncClient() as prometheus:
            response = await prometheus.get(self.metrics_url)
        assert response.headers["content-type"].startswith("text/plain; version=")
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }

    async def value(self, name: str, **labels: str) -> float | None:
        return (await self.scrape()).get((name, tuple(sorted(labels.items()))))

    async def requests(self, method: str, route: str, status: str) -> float | None:
        return await self.value(
            REQUESTS,
            http_request_method=method,
            http_route=route,
            http_response_status_code=status,
        )


@asynccontextmanager
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with serving(environment_of(settings)) as (process, url):
        metrics = await process.printed(r'"url": "(http://[^"]+/metrics)"')
        async with AsyncClient(base_url=url, timeout=30) as client:
            yield Service(client, metrics[1])


async def test_requests_are_counted_by_method_route_and_status(settings: Settings) -> None:
    async with service(settings) as running:
        for path in ("/livez", "/livez", "/nowhere", "/api/v1/users/abc", "/api/v1/users/xyz"):
            await running.client.get(path)
        await running.client.request("PROPFIND", "/livez")

        async def all_are_over() -> bool:
            return await running.value("http_server_active_requests") == 0

        await until(all_are_over)

        assert await running.requests("GET", "/livez", "200") == 2
        assert await running.requests("GET", "/api/v1/users/{id}", "422") == 2
        assert await running.requests("GET", "", "404") == 1
        assert await running.requests("_OTHER", "/livez", "405") == 1


async def test_the_public_port_has_no_metrics(settings: Settings) -> None:
    async with service(settings) as running:
        assert (await running.client.get("/metrics")).status_code == 404


async def test_shows_how_busy_the_pool_is(settings: Settings, connection: Connection) -> None:
    narrow = settings.model_copy(update={"database_pool_max_size": 1})
    async with service(narrow) as running, connection.transaction():
        await connection.execute("LOCK TABLE users")
        calls = [asyncio.create_task(register(running.client, f"{i}@example.com")) for i in (1, 2)]

        async def one_query_waits() -> bool:
            return await running.value("db_client_connection_pending_requests") == 1

        await until(one_query_waits)
        assert await running.value("db_client_connection_count", db_client_connection_state="used")
        assert await running.value("db_client_connection_max") == 1
        assert await running.value("http_server_active_requests") == 2
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)


async def test_shows_the_passwords_that_wait(settings: Settings) -> None:
    slow = settings.model_copy(update={"argon2_time_cost": 200, "argon2_memory_kib": 19456})
    async with service(slow.model_copy(update={"password_threads": 1})) as running:
        calls = [asyncio.create_task(register(running.client, f"{i}@example.com")) for i in (1, 2)]

        async def one_waits() -> bool:
            return await running.value("password_hashing_waiting") == 1

        await until(one_waits)
        assert await running.value("password_hashing_active") == 1
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)


async def test_names_the_release_and_shows_the_process(settings: Settings) -> None:
    async with service(settings) as running:
        assert await running.value("app_build_info", version=about.VERSION) == 1
        assert await running.value("process_open_fds")
        assert await running.value("process_resident_memory_bytes")


async def test_a_port_that_is_taken_does_not_stop_the_service(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = settings.model_copy(update={"metrics_port": taken.getsockname()[1]})
        async with serving(environment_of(busy)) as (process, url), AsyncClient() as client:
            assert (await client.get(f"{url}/livez")).status_code == 200
            await process.printed(r'"message": "metrics_not_served"')
