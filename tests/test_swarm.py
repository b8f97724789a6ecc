"""A Docker Swarm, with a real engine: a service is rolled out, and hurt, while requests come in.

One test, since starting takes most of the time. It makes the engine a swarm of one node, and has it
leave that in the end: nothing else runs with Docker meanwhile.
"""

import json
import os
import re
import shutil
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from slipway import ROOT
from tests.conftest import Render
from tests.containers import Project, project_in, wait_until

pytestmark = pytest.mark.docker(alone=True)

OLDEST_CLIENT: Final = 23
"""Before it, `docker stack` asked for a version in each file (docker/cli, pull request 3257)."""

REPLICAS: Final = 3
CALLERS: Final = 5
PAUSE: Final = 0.1
"""Seconds between the calls of one caller: they look for gaps, not for the machine's bounds."""

ACCOUNT: Final = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
POST: Final = {"title": "A title", "body": "A body"}

QUERY: Final = "(author_id, title, body)\n    VALUES ($1, $2, $3)"
NEWER_QUERY: Final = "(author_id, title, body, size)\n    VALUES ($1, $2, $3, char_length($3))"
# Later than any of the template's, as a service's own new ones are.
# What the old release does not use any more goes (contract), what it does not know comes (expand).
MIGRATIONS: Final = {
    "20990101000000_language": ("ADD COLUMN language text", "DROP COLUMN language"),
    "20990102000000_size": (
        "DROP COLUMN language, ADD COLUMN size integer NOT NULL DEFAULT 0",
        "DROP COLUMN size, ADD COLUMN language text",
    ),
}
# Posts that the old release wrote when the database was the new one's; the new one's; all.
POSTS: Final = """
    SELECT
        count(*) FILTER (WHERE size = 0 AND created_at > applied_at),
        count(*) FILTER (WHERE size > 0),
        count(*)
    FROM posts, schema_migrations
    WHERE version = '20990102000000'
"""


def test_a_service_on_a_swarm(render: Render, uv: str, tools: Path) -> None:
    answers = {"deploy": "compose", "rate_limit_store": "valkey"}
    with (
        project_in(render(answers), uv) as project,
        stack_of(project) as stack,
        ThreadPoolExecutor() as pool,
    ):
        newer = two_releases(project)
        new_image = pool.submit(build, newer, stack.image("new"), tools)
        build(project, stack.image("old"), tools)
        without_secrets_it_says_what_to_do(stack)
        it_starts_as_the_page_says(stack, "old")
        nobody_has_privileges(stack)
        the_proxy_alone_is_published(stack)
        no_secret_is_shown(stack)
        new_image.result()
        a_release_is_rolled_out_without_a_failed_request(stack)
        a_release_that_does_not_start_is_taken_back(stack)
        a_migration_that_fails_is_all_that_is_tried(stack)
        a_killed_replica_costs_its_own_requests(stack)


@dataclass(frozen=True)
class Stack:
    """The service's, on a swarm of one node."""

    project: Project

    @property
    def variables(self) -> dict[str, str]:
        """For `deploy.sh`. There is no registry here."""
        return {
            "STACK": self.project.name,
            "RESOLVE_IMAGE": "never",
            # A busy machine has enough to do with asking no more often than this.
            "HEALTH_INTERVAL": "4s",
        }

    def image(self, release: str) -> str:
        return f"{self.project.name}:{release}"

    def deploy(self, release: str, **settings: str) -> str:
        """Deploy a release, and return what that prints. With settings, wrong ones, it fails."""
        file = self.project.folder / "swarm" / "settings.env"
        right = file.read_text()
        file.write_text(right + "".join(f"{name}={value}\n" for name, value in settings.items()))
        variables = self.variables | {"IMAGE": self.image(release)}
        done = self.project.run("swarm/deploy.sh", "release", check=False, **variables)
        file.write_text(right)
        assert done.returncode == (1 if settings else 0), done.stdout
        return done.stdout

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """Of all of its services, or of one."""
        name = self.project.name
        label = f"com.docker.swarm.service.name={name}_{service}"
        mine = label if service else f"com.docker.stack.namespace={name}"
        found = docker(self.project, "ps", "--quiet", "--filter", f"label={mine}").split()
        inspected: list[dict[str, Any]] = json.loads(docker(self.project, "inspect", *found))
        return inspected

    def psql(self, query: str) -> str:
        (database,) = self.containers("database")
        command = ("psql", "--username=postgres", "--csv", "--tuples-only", "my_service")
        return docker(self.project, "exec", database["Id"], *command, "--command", query).strip()

    def is_whole(self) -> bool:
        """Whether all replicas run, and are healthy."""
        service = f"name={self.project.name}_app"
        shown = docker(
            self.project, "service", "ls", "--filter", service, "--format", "{{.Replicas}}"
        )
        return shown.strip() == f"{REPLICAS}/{REPLICAS}"


@contextmanager
def stack_of(project: Project) -> Iterator[Stack]:
    """Make this engine a swarm of one node, and leave no trace of it in the end."""
    if reason := why_not(project):
        if os.environ.get("SLIPWAY_REQUIRE_DOCKER"):
            pytest.fail(f"{reason}, and SLIPWAY_REQUIRE_DOCKER is set")
        pytest.skip(reason)
    networks = docker(project, "network", "ls", "--format", "{{.Name}}").split()
    docker(project, "swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        yield Stack(project)
    finally:
        # This removes the containers, too.
        docker(project, "swarm", "leave", "--force")
        if "docker_gwbridge" not in networks:
            docker(project, "network", "rm", "docker_gwbridge")
        docker(project, "volume", "rm", "--force", f"{project.name}_database")
        images = docker(project, "images", "--quiet", "--filter", f"reference={project.name}:*")
        for image in images.split():
            docker(project, "rmi", "--force", image)


def why_not(project: Project) -> str:
    """Why no stack can be tried here, or nothing."""
    if docker(project, "info", "--format", "{{.Swarm.LocalNodeState}}").strip() != "inactive":
        return "this Docker engine is part of a swarm, which is not the tests' to change"
    client = docker(project, "version", "--format", "{{.Client.Version}}").strip()
    if int(client.partition(".")[0]) < OLDEST_CLIENT:
        return f"docker is {client}: `docker stack deploy` takes such files from {OLDEST_CLIENT} on"
    return ""


def docker(project: Project, *words: str) -> str:
    return project.run("docker", *words).stdout


def two_releases(project: Project) -> Project:
    """Make the service one release, and return the next, whose migration suits both."""
    newer = replace(project, folder=project.folder.with_name("newer"))
    first, second = MIGRATIONS
    make_release(project, "1.0.0", first)
    unshared = shutil.ignore_patterns(".postgres", ".venv")
    shutil.copytree(project.folder, newer.folder, ignore=unshared)
    edit(newer.folder / "app" / "posts" / "queries.py", QUERY, NEWER_QUERY)
    make_release(newer, "2.0.0", second)
    return newer


def make_release(project: Project, version: str, migration: str) -> None:
    """Give the service a version and a migration more."""
    about = project.folder / "app" / "about.py"
    about.write_text(
        re.sub(r'VERSION: Final = ".*"', f'VERSION: Final = "{version}"', about.read_text())
    )
    for direction, change in zip(("up", "down"), MIGRATIONS[migration], strict=True):
        file = project.folder / "migrations" / f"{migration}.{direction}.sql"
        file.write_text(f"ALTER TABLE posts {change};\n")


def build(release: Project, image: str, tools: Path) -> None:
    release.run(str(tools / "python"), "-m", "app", "sql", "prepare")
    release.build("--tag", image)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def without_secrets_it_says_what_to_do(stack: Stack) -> None:
    refused = stack.project.run("swarm/deploy.sh", "database", check=False, **stack.variables)

    assert refused.returncode != 0
    assert "run `uv run app init` first, which makes the secrets" in refused.stdout


def it_starts_as_the_page_says(stack: Stack, release: str) -> None:
    page = (ROOT / "docs" / "scaling-out.md").read_text()
    (block,) = re.findall(r"\n\n    docker swarm init\n((?:    .+\n)+)", page)
    node = docker(stack.project, "node", "ls", "--quiet").strip()
    commands = textwrap.dedent(block).replace("NODE", node)
    commands = re.sub(r"IMAGE=\S+", f"IMAGE={stack.image(release)}", commands)

    stack.project.run("bash", "-euo", "pipefail", "-c", commands, check=True, **stack.variables)

    assert stack.is_whole()


def nobody_has_privileges(stack: Stack) -> None:
    containers = stack.containers()

    assert len(containers) == REPLICAS + 3, "with the database, Valkey and the proxy"
    for container in containers:
        host = container["HostConfig"]
        assert container["Config"]["User"].partition(":")[0] not in ("", "0", "root")
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["Privileged"]
        assert 0 < host["Memory"] <= 1024**3
        assert 0 < host["PidsLimit"] <= 300
        assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
        process = Path(f"/proc/{container['State']['Pid']}/status").read_text()
        assert "CapEff:\t0000000000000000" in process


def the_proxy_alone_is_published(stack: Stack) -> None:
    published = {
        (container["Config"]["Labels"]["com.docker.swarm.service.name"], binding["HostPort"])
        for container in stack.containers()
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    }
    backend = docker(stack.project, "network", "inspect", f"{stack.project.name}_backend")

    assert published == {(f"{stack.project.name}_proxy", str(stack.project.port))}
    assert json.loads(backend)[0]["Internal"]


def no_secret_is_shown(stack: Stack) -> None:
    name = stack.project.name
    services = [f"{name}_{service}" for service in ("app", "database", "proxy", "valkey")]
    shown = [docker(stack.project, "service", "inspect", *services)]
    shown += [docker(stack.project, "service", "logs", service) for service in services]
    shown += [docker(stack.project, "secret", "ls"), json.dumps(stack.containers())]
    shown += [docker(stack.project, "top", container["Id"]) for container in stack.containers()]
    configs = docker(stack.project, "config", "ls", "--quiet").split()
    shown.append(docker(stack.project, "config", "inspect", "--pretty", *configs))
    assert any("DATABASE_URL=" in text for text in shown)
    assert any("CREATE ROLE my_service" in text for text in shown)

    for secret in stack.project.secrets():
        for text in shown:
            assert secret not in text


def a_release_is_rolled_out_without_a_failed_request(stack: Stack) -> None:
    with load(stack.project.url) as calls:
        calls.go_on()
        said = stack.deploy("new")
        calls.go_on()

    assert "applied 20990102000000_size" in said
    assert calls.failed() == []
    versions = calls.versions()
    assert set(versions[:CALLERS]) == {"1.0.0"}
    assert set(versions[-CALLERS:]) == {"2.0.0"}
    old, new, all_posts = map(int, stack.psql(POSTS).split(","))
    assert old > 0, "the old release has written to the new one's tables"
    assert new > 0
    assert all_posts == calls.posts(), "each is there once"
    job = f"label=com.docker.swarm.service.name={stack.project.name}_migration"
    containers = ("ps", "--all", "--quiet", "--filter", job)
    wait_until(lambda: docker(stack.project, *containers) == "")


def a_release_that_does_not_start_is_taken_back(stack: Stack) -> None:
    with load(stack.project.url) as calls:
        said = stack.deploy("new", METRICS_PORT="8000")
        calls.go_on()

    assert "non-zero exit (1)" in said
    assert said.endswith(f"error: {stack.project.name}_app was not updated\n")
    assert calls.failed() == []
    assert stack.is_whole()


def a_migration_that_fails_is_all_that_is_tried(stack: Stack) -> None:
    before = {container["Id"] for container in stack.containers("app")}

    said = stack.deploy("new", LOG_LEVEL="loud")

    assert "LOG_LEVEL: Input should be 'debug', 'info'" in said
    assert said.endswith(f"error: {stack.project.name}_migration has failed\n")
    assert {container["Id"] for container in stack.containers("app")} == before


def a_killed_replica_costs_its_own_requests(stack: Stack) -> None:
    victim = stack.containers("app")[0]["Id"]
    with load(stack.project.url) as calls:
        calls.go_on()
        docker(stack.project, "kill", "--signal", "KILL", victim)
        killed = time.monotonic()
        calls.go_on()
        wait_until(stack.is_whole)
        calls.go_on()

    lost = calls.failed()
    assert len(lost) <= CALLERS
    assert [call for call in lost if call.began > killed or call.method == "GET"] == []
    assert victim not in {container["Id"] for container in stack.containers("app")}


@dataclass(frozen=True)
class Call:
    """A request, and what came of it."""

    method: str
    path: str
    began: float
    outcome: int | str
    """The status, or what went wrong instead."""
    answer: str = ""


class Load:
    """Callers on connections of their own, each of which calls again when it has been answered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._calls: list[Call] = []
        self._end = threading.Event()
        self._token = sign_up(url)

    def call_until_the_end(self) -> None:
        bearer = {"Authorization": f"Bearer {self._token}"}
        with httpx.Client(base_url=self._url, headers=bearer, timeout=30) as client:
            requests = cycle(
                client.build_request(method, path, json=POST if method == "POST" else None)
                for method, path in (
                    ("GET", "/health"),
                    ("GET", "/api/v1/users/me"),
                    ("POST", "/api/v1/posts"),
                    ("GET", "/api/v1/posts"),
                )
            )
            while not self._end.wait(PAUSE):
                self._calls.append(call(client, next(requests)))

    def stop(self) -> None:
        self._end.set()

    def go_on(self) -> None:
        """Wait until there have been enough more of them to reach every replica."""
        enough = len(self._calls) + 10 * CALLERS
        wait_until(lambda: len(self._calls) >= enough)

    def failed(self) -> list[Call]:
        return [call for call in self._calls if call.outcome not in (200, 201)]

    def posts(self) -> int:
        """How many were written."""
        return sum(call.outcome == 201 for call in self._calls)

    def versions(self) -> list[str]:
        """Those of the replicas that have said so, one after the other."""
        answers = [call.answer for call in self._calls if call.path == "/health"]
        return [json.loads(answer)["version"] for answer in answers]


def call(client: httpx.Client, request: httpx.Request) -> Call:
    began = time.monotonic()
    try:
        response = client.send(request)
    except httpx.TransportError as error:
        return Call(request.method, request.url.path, began, repr(error))
    return Call(request.method, request.url.path, began, response.status_code, response.text)


def sign_up(url: str) -> str:
    """Log in, as somebody who has registered; returns the access token."""
    with httpx.Client(base_url=f"{url}/api/v1/auth", timeout=30) as client:
        assert client.post("/register", json=ACCOUNT).status_code in (201, 409)
        credentials = {name: ACCOUNT[name] for name in ("email", "password")}
        answer = client.post("/login", json=credentials)
        token: str = answer.json()["access_token"]
        return token


@contextmanager
def load(url: str) -> Iterator[Load]:
    """Call the service until the end of the block."""
    calls = Load(url)
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(calls.call_until_the_end) for _ in range(CALLERS)]
        try:
            yield calls
        finally:
            calls.stop()
        for caller in callers:
            caller.result()
