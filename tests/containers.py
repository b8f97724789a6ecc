"""What the tests of images, Compose and Swarm share: a service whose containers are its own."""

import base64
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import with_uv

PATIENCE: Final = 900
"""Seconds after which a command is not going to end. Building and rolling out take the longest."""


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

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(
        self, *command: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        own = {
            "COMPOSE_PROJECT_NAME": self.name,
            "HTTP_PORT": str(self.port),
            "IMAGE": self.image,
            # The builder that can mount a cache, also where an older one is the default.
            "DOCKER_BUILDKIT": "1",
        }
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=with_uv(self.uv) | own | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode()
            pytest.fail(f"{' '.join(command)} has not ended within {PATIENCE} s, but said:\n{said}")
        assert not check or done.returncode == 0, done.stdout
        return done

    def app(self, *words: str) -> str:
        """Run a command of the service in its checkout."""
        return self.run(self.uv, "run", "--quiet", "--no-dev", "app", *words).stdout

    def carry_out(self, commands: str) -> str:
        """Run commands of a page, and return what they print."""
        return self.run("bash", "-euo", "pipefail", "-c", commands).stdout

    def build(self, *words: str) -> str:
        """Build the image, and return what that prints."""
        command = ("docker", "build", "--progress", "plain", "--tag", self.image, *words, ".")
        return self.run(*command).stdout

    def compose(self, *words: str, check: bool = True) -> str:
        return self.run("docker", "compose", *words, check=check).stdout

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "--all", "--quiet", service).strip()
        found: dict[str, Any] = json.loads(self.run("docker", "inspect", container).stdout)[0]
        return found

    def services(self) -> list[str]:
        return self.compose("config", "--services").split()

    def in_service(self, *arguments: str) -> str:
        """Run Python in the service's container, which may have no other program."""
        return self.compose("exec", "-T", "app", self.python, *arguments)

    def environment_of(self, service: str) -> str:
        """Of a container's first process: an entry point may have added to what it was given."""
        if service == "app":
            return self.in_service("-c", "print(open('/proc/1/environ').read())")
        return self.compose("exec", "-T", service, "cat", "/proc/1/environ")

    @property
    def python(self) -> str:
        """The image's."""
        program: str = self.inspect_image()["Config"]["Entrypoint"][0]
        return program

    def secret_files(self) -> list[Path]:
        return sorted((self.folder / "secrets").iterdir())

    def secrets(self) -> set[str]:
        """What nothing may show: what `app init` has made, in all the ways to write it."""
        texts = {path.read_text().strip() for path in self.secret_files()}
        keys = json.loads((self.folder / "secrets" / "jwt_keys").read_text())["keys"]
        texts |= {key.get("k") or key["d"] for key in keys}
        encoded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in texts}
        escaped = {json.dumps(text)[1:-1] for text in texts}
        return texts | encoded | escaped

    def inspect_image(self) -> dict[str, Any]:
        image = self.run("docker", "image", "inspect", self.image).stdout
        found: dict[str, Any] = json.loads(image)[0]
        return found


@contextmanager
def project_in(folder: Path, uv: str) -> Iterator[Project]:
    """The service in the folder, locked. Whatever its containers leave is removed."""
    found = Project(folder, f"slipway-test-{secrets.token_hex(4)}", free_port(), uv)
    found.run(uv, "lock", "--quiet")
    try:
        yield found
    finally:
        (found.folder / ".env").touch()
        ours = ["docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "5"]
        own = {"COMPOSE_PROJECT_NAME": found.name, "CONTAINER_USER": "1:1"}
        subprocess.run(ours, cwd=found.folder, env=os.environ | own, check=False, timeout=PATIENCE)
        subprocess.run(["docker", "rmi", "--force", found.image], check=False, timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], seconds: float = 180) -> None:
    """Wait for something to become true. Fails when it takes longer than that."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it has not come to be within {seconds} seconds"
        time.sleep(0.2)
