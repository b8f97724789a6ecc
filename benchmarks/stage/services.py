"""A service to measure: rendered from this clone, with its own environment."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from copier import run_copy

from slipway import ROOT, environment, find_uv, say

PROGRAMS: Final = ROOT / "benchmarks" / "programs"


@dataclass(frozen=True, slots=True)
class Installed:
    """A service that is served as its image serves it."""

    folder: Path
    serve: Sequence[str | Path]
    """The command, to which the port is added."""


@dataclass(frozen=True)
class Service:
    """A rendered service that is ready to run."""

    folder: Path

    @cached_property
    def answers(self) -> Mapping[str, Any]:
        """All that it was rendered with, what is the default, too."""
        written = yaml.safe_load((self.folder / ".copier-answers.yml").read_text())
        return {name: value for name, value in written.items() if not name.startswith("_")}

    def app(self, *arguments: str) -> str:
        """Run ``app`` and return what it prints. Where it fails, so does the benchmark."""
        return self._run(self.bin / "app", *arguments)

    def program(self, name: str, *arguments: str) -> str:
        """Run one of `programs` inside of the service and return what it prints."""
        return self._run(*self.command(name, *arguments))

    def install(self, package: str) -> None:
        """Have a package for `programs`, which the service of an older commit lacks."""
        command = (find_uv(), "pip", "install", "--quiet", "--python", self.bin / "python", package)
        subprocess.run(command, env=environment(), check=True)

    def as_in_its_image(self) -> "Installed":
        """Have it once more, in a folder that holds what its image does: compiled, and without what
        only development needs. `app init` has made its secrets before.
        """
        folder = self.folder.parent / "production"
        left_out = re.findall(r"--no-install-package \S+", (self.folder / "Dockerfile").read_text())
        sync = (find_uv(), "sync", "--quiet", "--locked", "--no-dev", "--no-install-project")
        own = environment() | {
            "UV_PROJECT_ENVIRONMENT": str(folder / ".venv"),
            "UV_COMPILE_BYTECODE": "1",
        }
        options = " ".join(left_out).split()
        subprocess.run((*sync, *options), cwd=self.folder, env=own, check=True)
        for part in ("app", "migrations", "secrets"):  # these are mounted into a container
            shutil.copytree(self.folder / part, folder / part)
        python = folder / ".venv" / "bin" / "python"
        subprocess.run((python, "-m", "compileall", "-q", "app"), cwd=folder, check=True)
        return Installed(folder, (python, "-m", "app", "serve", "--port"))

    def command(self, name: str, *arguments: str) -> tuple[str | Path, ...]:
        """What runs one of `programs` inside of the service."""
        return (self.bin / "python", PROGRAMS / f"{name}.py", *arguments)

    @property
    def bin(self) -> Path:
        """The folder of the service's programs."""
        return self.folder / ".venv" / "bin"

    def _run(self, *command: str | Path) -> str:
        # Of the caller's settings none may reach the service.
        surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder)}
        return output_of(command, self.folder, surroundings)


def output_of(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a program and return what it prints. Where it fails, so does the benchmark."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def rendered(ref: str = "HEAD", answers: Mapping[str, object] | None = None) -> Iterator[Service]:
    """Render a service, as it is or was at a commit and with the answers that are not the default,
    install it, and remove it at the end of the block.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-") as scratch:
        folder = Path(scratch) / "service"
        say("Rendering a service ...")
        own = dict(answers or {})
        run_copy(str(ROOT), folder, own, defaults=True, unsafe=True, vcs_ref=ref, quiet=True)
        subprocess.run([find_uv(), "sync", "--quiet"], cwd=folder, env=environment(), check=True)
        yield Service(folder)


def versions(report: Mapping[str, Any]) -> str:
    """The machine, and the versions that a program has reported, in a line."""
    return (
        f"{report['machine']}; Python {report['python']}, asyncpg {report['asyncpg']}, "
        f"PostgreSQL {report['postgresql']}"
    )
