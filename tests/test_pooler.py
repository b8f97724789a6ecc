"""A service behind a real PgBouncer in transaction mode."""

import asyncio
import os
import re
import secrets
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Render, WithDocker

pytestmark = pytest.mark.docker

SERVER_CONNECTIONS = 2
CALLERS = 12
ROUNDS = 5
PASSWORD = "correct horse battery"


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def container(*arguments: str) -> Iterator[str]:
    identity = docker("run", "--detach", "--rm", *arguments)
    try:
        yield identity
    finally:
        docker("rm", "--force", "--volumes", identity)


def published(identity: str) -> str:
    """Where its port 5432 is on this machine."""
    return docker("port", identity, "5432/tcp").splitlines()[0]


@dataclass(frozen=True)
class Service:
    folder: Path
    python: Path
    environment: Mapping[str, str]
    database: str
    pooler: str

    def command(self, address: str, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
        """Start a command of the service's, with the database at this address."""
        url = f"postgresql://postgres@{address}/postgres"
        return subprocess.Popen(
            [self.python, "-u", "-m", "app", *arguments],
            cwd=self.folder,
            env={**self.environment, "DATABASE_URL": url, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, address: str, *arguments: str, **settings: str) -> tuple[int, str]:
        process = self.command(address, *arguments, **settings)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    @contextmanager
    def serving(self, address: str, **settings: str) -> Iterator[str]:
        with self.command(address, "serve", "--port=0", **settings) as process:
            try:
                assert process.stdout
                too_late = threading.Timer(60, process.kill)
                too_late.start()
                started = next(
                    (line for line in process.stdout if "Uvicorn running on" in line), ""
                )
                too_late.cancel()
                assert started, "the service has ended, or not started within 60 seconds"
                # What nobody reads would fill the pipe, and stop the service.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                yield re.findall(r"http://[0-9.:]+", started)[0]
            finally:
                process.terminate()
                process.wait(timeout=60)


@pytest.fixture(scope="module")
def service(render: Render, tools: Path, with_docker: WithDocker) -> Iterator[Service]:
    """A database with the schema, and before it a pooler with fewer connections than callers."""
    with with_docker():
        yield from behind_a_pooler(render({}), tools / "python")


def behind_a_pooler(folder: Path, python: Path) -> Iterator[Service]:
    password = secrets.token_hex()
    own = {"PATH": os.environ["PATH"], "METRICS_PORT": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, "-m", "app", "init"], cwd=folder, env=own, check=True)
    (folder / "secrets" / "database_password").write_text(password)

    network = f"slipway-pooler-{secrets.token_hex(4)}"
    docker("network", "create", network)
    with ExitStack() as started:
        started.callback(docker, "network", "rm", network)
        publish = (f"--network={network}", "--publish=127.0.0.1::5432")
        postgres = started.enter_context(
            container(*publish, f"--env=POSTGRES_PASSWORD={password}", "postgres:18")
        )
        pgbouncer = started.enter_context(
            container(
                *publish,
                f"--env=DB_HOST={postgres[:12]}",
                "--env=DB_USER=postgres",
                f"--env=DB_PASSWORD={password}",
                "--env=AUTH_TYPE=scram-sha-256",
                "--env=POOL_MODE=transaction",
                f"--env=DEFAULT_POOL_SIZE={SERVER_CONNECTIONS}",
                "edoburu/pgbouncer:latest",
            )
        )
        service = Service(folder, python, own, published(postgres), published(pgbouncer))
        until_it_answers(postgres)
        code, output = service.run(service.database, "db", "migrate")
        assert code == 0, output
        yield service


def until_it_answers(postgres: str) -> None:
    """Wait for the server proper: while it is being set up, it listens on no network."""
    ready = ("pg_isready", "--quiet", "--host=127.0.0.1", "--username=postgres")
    waiting = f"until {' '.join(ready)}; do sleep 0.1; done"
    docker("exec", postgres, "timeout", "60", "sh", "-c", waiting)


async def a_day(client: httpx.AsyncClient, number: int) -> list[int]:
    """What a user does, each call with a query or a transaction of another kind."""
    account: dict[str, Any] = {"email": f"user{number}@example.com", "password": PASSWORD}
    codes = [(await client.post("auth/register", json={**account, "name": "U"})).status_code]
    tokens = (await client.post("auth/login", json=account)).json()
    for _ in range(ROUNDS):
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        written = await client.post("posts", json={"title": "t", "body": "b"}, headers=bearer)
        answers = [
            written,
            await client.get("users/me", headers=bearer),
            await client.get("posts", headers=bearer),
            await client.patch(
                client.base_url.join(written.headers["location"]),
                json={"title": "u"},
                headers=bearer,
            ),
        ]
        refreshed = await client.post(
            "auth/refresh", json={"refresh_token": tokens["refresh_token"]}
        )
        tokens = refreshed.json()
        codes += [answer.status_code for answer in (*answers, refreshed)]
    return codes


async def days(url: str) -> list[list[int]]:
    async with httpx.AsyncClient(base_url=f"{url}/api/v1/", timeout=60) as client:
        return await asyncio.gather(*(a_day(client, number) for number in range(CALLERS)))


def test_all_of_the_api_works_on_connections_that_change_hands(service: Service) -> None:
    with service.serving(service.pooler, DATABASE_BEHIND_POOLER="true") as url:
        for codes in asyncio.run(days(url)):
            assert codes == [201] + ROUNDS * [201, 200, 200, 200, 200]
        assert httpx.get(f"{url}/health").json()["status"] == "ok"


def test_without_the_setting_the_pooler_is_what_refuses(service: Service) -> None:
    code, output = service.run(service.pooler, "serve", "--port=0")

    assert code == 1
    assert "unsupported startup parameter" in output


def test_no_migration_goes_through_it(service: Service) -> None:
    code, output = service.run(service.pooler, "db", "migrate", DATABASE_BEHIND_POOLER="true")

    assert code == 1
    assert "migrations need a session of their own" in output
