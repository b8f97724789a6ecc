"""The image and Compose, with a real engine: built, started, looked into, stopped, removed.

One test a variant, since building takes most of the time: each follows a service's containers
through their life.
"""

import io
import json
import os
import secrets
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipway import environment
from tests.conftest import Render
from tests.variants import Variant, with_check

pytestmark = pytest.mark.docker

ACCOUNT = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
SHELLS_AND_TOOLS = {"sh", "bash", "dash", "busybox", "apt", "dpkg", "pip", "pip3", "gcc", "cc"}
NOT_IN_THE_IMAGE = {".env", ".git", "secrets", "sql", "tests", "tools", "uv", "uv.lock"}


@dataclass(frozen=True)
class Project:
    """A rendered service, whose containers have a name and a port of their own."""

    folder: Path
    name: str
    port: int
    uv: str

    @property
    def image(self) -> str:
        return f"{self.name}:test"

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        own = {
            "COMPOSE_PROJECT_NAME": self.name,
            "HTTP_PORT": str(self.port),
            "IMAGE": self.image,
            # The builder that can mount a cache, also where an older one is the default.
            "DOCKER_BUILDKIT": "1",
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment() | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return done

    def compose(self, *words: str, check: bool = True) -> str:
        return self.run("docker", "compose", *words, check=check).stdout

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "--all", "--quiet", service).strip()
        found: dict[str, Any] = json.loads(self.run("docker", "inspect", container).stdout)[0]
        return found


@pytest.fixture(params=with_check("image"), ids=lambda variant: variant.name)
def variant(request: pytest.FixtureRequest) -> Variant:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def project(variant: Variant, render: Render, uv: str) -> Iterator[Project]:
    """The variant, rendered and locked. Whatever its containers leave is removed."""
    found = Project(
        folder=render(variant.answers),
        name=f"slipway-test-{secrets.token_hex(4)}",
        port=free_port(),
        uv=uv,
    )
    found.run(uv, "lock", "--quiet")
    try:
        yield found
    finally:
        (found.folder / ".env").touch()
        ours = ["docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "5"]
        own = {"COMPOSE_PROJECT_NAME": found.name, "CONTAINER_USER": "1:1"}
        subprocess.run(ours, cwd=found.folder, env=os.environ | own, check=False)
        subprocess.run(["docker", "rmi", "--force", found.image], check=False)


def test_a_services_containers(project: Project, variant: Variant) -> None:
    without_secrets_compose_says_what_to_do(project)
    project.run(project.uv, "run", "--quiet", "--no-dev", "app", "init")

    project.compose("up", "--build", "--wait", "--detach")

    somebody_registers_and_logs_in(project)
    the_service_has_no_privileges(project)
    the_database_is_not_published(project)
    no_secret_is_shown(project)
    the_image_holds_what_it_needs_and_no_more(project, variant)
    the_image_runs_as_anybody(project)
    a_change_of_the_source_installs_nothing_anew(project)
    a_stop_is_graceful(project)
    nothing_is_left(project)


def without_secrets_compose_says_what_to_do(project: Project) -> None:
    refused = project.run("docker", "compose", "config", check=False)

    assert refused.returncode != 0
    assert "run `uv run app init` first" in refused.stdout


def somebody_registers_and_logs_in(project: Project) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{project.port}") as client:
        assert client.get("/health").json()["status"] == "ok"
        assert client.post("/api/v1/auth/register", json=ACCOUNT).status_code == 201
        credentials = {name: ACCOUNT[name] for name in ("email", "password")}
        tokens = client.post("/api/v1/auth/login", json=credentials).json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        me = client.get("/api/v1/users/me", headers=bearer)
        assert me.json()["email"] == ACCOUNT["email"]


def the_service_has_no_privileges(project: Project) -> None:
    container = project.inspect("app")
    host = container["HostConfig"]
    assert container["State"]["Health"]["Status"] == "healthy"
    assert container["Config"]["User"].partition(":")[0] not in ("", "0", "root")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host["Privileged"]
    assert host["Memory"] > 0
    process = Path(f"/proc/{container['State']['Pid']}/status").read_text()
    assert "CapEff:\t0000000000000000" in process


def the_database_is_not_published(project: Project) -> None:
    database = project.inspect("database")

    assert not any(database["NetworkSettings"]["Ports"].values())
    internal = project.run("docker", "network", "inspect", f"{project.name}_backend").stdout
    assert json.loads(internal)[0]["Internal"]


def no_secret_is_shown(project: Project) -> None:
    shown = [
        project.compose("config"),
        project.compose("logs"),
        project.run("docker", "history", "--no-trunc", project.image).stdout,
        *(json.dumps(project.inspect(service)) for service in ("app", "database", "migrate")),
    ]

    made = [path.read_text().strip() for path in (project.folder / "secrets").iterdir()]
    jwk = json.loads((project.folder / "secrets" / "jwt_keys").read_text())["keys"][0]
    for secret in (*made, jwk.get("k") or jwk["d"]):
        for text in shown:
            assert secret not in text


def the_image_holds_what_it_needs_and_no_more(project: Project, variant: Variant) -> None:
    ours, files = files_of(project)

    names = {path.rsplit("/", 1)[-1] for path in files}
    if variant.answers["image_base"] == "distroless":
        assert not names & SHELLS_AND_TOOLS
    assert not {path.split("/")[0] for path in ours} & NOT_IN_THE_IMAGE
    assert not [path for path in ours if path.startswith(("packages/pip/", "packages/pytest/"))]
    assert "app/main.py" in ours


def the_image_runs_as_anybody(project: Project) -> None:
    described = project.run(
        *("docker", "run", "--rm", "--user", "12345:12345", "--read-only", "--cap-drop", "ALL"),
        *("--network", "none", project.image, "openapi"),
    )

    assert json.loads(described.stdout)["openapi"].startswith("3.")


def a_change_of_the_source_installs_nothing_anew(project: Project) -> None:
    main = project.folder / "app" / "main.py"
    main.write_text(main.read_text() + "\n# Changed.\n")

    built = project.run("docker", "build", "--progress", "plain", "--tag", project.image, ".")

    steps = built.stdout.split("\n\n")
    (installing,) = [step for step in steps if "uv sync" in step]
    assert "CACHED" in installing


def a_stop_is_graceful(project: Project) -> None:
    project.compose("stop", "app")

    assert project.inspect("app")["State"]["ExitCode"] == 0


def nothing_is_left(project: Project) -> None:
    project.compose("down", "--volumes")

    for kind in ("container", "volume", "network"):
        everything = ["--all"] if kind == "container" else []
        ours = f"label=com.docker.compose.project={project.name}"
        left = project.run("docker", kind, "ls", *everything, "--quiet", "--filter", ours)
        assert left.stdout == ""


def files_of(project: Project) -> tuple[set[str], set[str]]:
    """The files of the service's image, below its own folder and altogether."""
    container = project.run("docker", "create", project.image).stdout.strip()
    try:
        exported = subprocess.run(
            ["docker", "export", container], stdout=subprocess.PIPE, check=True
        ).stdout
    finally:
        project.run("docker", "rm", container)
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        files = {member.name for member in archive if not member.isdir()}
    ours = {path.removeprefix("srv/") for path in files if path.startswith("srv/")}
    return ours, files


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
