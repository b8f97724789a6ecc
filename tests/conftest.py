"""What the template's tests share.

`render` makes a service from given answers; `variant` is each of variants.toml in turn, and
`service` a folder in which it has been rendered.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from filelock import FileLock
from pytest_copie.plugin import Copie

from slipway import ROOT, environment, find_uv
from tests.variants import AUTHOR, VARIANTS, Answers, Variant

Render = Callable[[Answers], Path]
WithDocker = Callable[..., AbstractContextManager[None]]

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")

DOCKER_PATIENCE: Final = 1800
"""Seconds that a test waits for Docker while others hold it."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs Docker or a browser where there is none, or fail where there should be."""
    for marker, missing in (("docker", docker_is_missing), ("browser", browser_is_missing)):
        if item.get_closest_marker(marker) is None or not (reason := missing()):
            continue
        required = f"SLIPWAY_REQUIRE_{marker.upper()}"
        if os.environ.get(required):
            pytest.fail(f"{reason}, and {required} is set")
        pytest.skip(reason)


@cache
def docker_is_missing() -> str:
    """Why Docker can't be used, or nothing."""
    try:
        subprocess.run(["docker", "compose", "version"], check=True, capture_output=True)
        subprocess.run(["docker", "version"], check=True, capture_output=True, timeout=30)
    except FileNotFoundError:
        return "docker is not installed"
    except subprocess.CalledProcessError as error:
        return f"no Docker engine with Compose answers: {error.stderr.decode().strip()}"
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer"
    return ""


def browser_is_missing() -> str:
    """Why no browser can be used, or nothing."""
    if find_browser():
        return ""
    return f"none of {', '.join(BROWSERS)} is installed"


def find_browser() -> str | None:
    """The program of an installed Chromium."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.hookimpl(trylast=True)  # of what is left, or the shares would not be those that xdist makes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the suites, which take minutes, on each worker: at the end, when no work is left
    to share, none waits for another that has just begun one.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    suites = [item for item in items if item.get_closest_marker("suite")]
    others = [item for item in items if not item.get_closest_marker("suite")]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        share = (len(items) - len(ordered)) // (workers - worker)  # as --dist=worksteal has it
        first = suites[worker::workers]
        ordered += first
        ordered += others[: max(share - len(first), 0)]
        del others[: max(share - len(first), 0)]
    items[:] = ordered + others


@pytest.fixture(scope="session")
def with_docker() -> WithDocker:
    """Hold the Docker engine, beside others or ``alone``: whoever needs it alone waits for them.

    An engine that leaves a swarm forgets the names of all containers that run, on any network.
    """
    # The machine has one engine, and may have several runs of the tests.
    lock = Path(tempfile.gettempdir()) / f"slipway-docker-{os.getuid()}.lock"

    @contextmanager
    def with_docker(*, alone: bool = False) -> Iterator[None]:
        end = time.monotonic() + DOCKER_PATIENCE
        with lock.open("w") as file:
            while not _lock(file.fileno(), fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
                assert time.monotonic() < end, "another test has not let go of Docker"
                time.sleep(0.2)
            yield

    return with_docker


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.fixture(autouse=True)
def _holds_docker(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold Docker for a test that is marked so: ``docker``, or ``docker(alone=True)``."""
    marker = request.node.get_closest_marker("docker")
    if marker is None:
        yield
        return
    with request.getfixturevalue("with_docker")(**marker.kwargs):
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_git_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have git know the same on every machine: an identity to commit with, and no more."""
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text("[user]\nname = Test Author\nemail = author@example.com\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have programs find compiled what they import: most of what a short one does otherwise. Not
    beside the code, which tests compare.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.getbasetemp().parent / "compiled"))
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, _own_git_configuration: None) -> Path:
    """A clone of this repository, in which the work in progress is committed."""
    clone = tmp_path_factory.mktemp("template") / "slipway"
    git("clone", "--quiet", "--no-checkout", str(ROOT), str(clone), cwd=ROOT)
    in_progress = ("--git-dir", str(clone / ".git"), "--work-tree", str(ROOT))
    git(*in_progress, "add", "--all", cwd=ROOT)
    git("commit", "--quiet", "--allow-empty", "--message=Work in progress", cwd=clone)
    git("reset", "--quiet", "--hard", cwd=clone)
    return clone


@pytest.fixture(scope="session")
def render(template: Path, copie_session: Copie) -> Render:
    """Renders a service with the answers given, and the defaults for the rest."""

    def render(answers: Answers) -> Path:
        result = copie_session.copy(extra_answers={**AUTHOR, **answers}, template_dir=template)
        if result.exception:
            raise result.exception
        assert result.project_dir is not None
        return result.project_dir

    return render


@pytest.fixture(scope="session", params=VARIANTS, ids=lambda variant: variant.name)
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each of variants.toml."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def service(variant: Variant, render: Render) -> Path:
    """The variant, rendered. Tests share it: they read and check it, and change nothing."""
    return render(variant.answers)


@pytest.fixture(scope="session")
def uv() -> str:
    """The uv that the template's commands use."""
    return find_uv()


@pytest.fixture(scope="session")
def tools(render: Render, uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of one environment for all variants, with what any of them installs."""
    shared = tmp_path_factory.getbasetemp().parent
    home = shared / "environment"
    with FileLock(shared / "environment.lock"):
        if not home.exists():
            most = render(
                {"jwt_algorithm": "RS256", "rate_limit_store": "valkey", "telemetry": "otlp"}
            )
            subprocess.run(
                [uv, "sync", "--quiet", "--no-install-project"],
                cwd=most,
                env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(home)},
                check=True,
            )
    return home / "bin"


def check(*command: str | Path, cwd: Path) -> None:
    """Run a program that finds nothing wrong, or fail with what it says."""
    printed(command, cwd)


def check_tests(*command: str | Path, cwd: Path, **variables: str) -> None:
    """As `check`, of a program that may run a pytest of its own, with variables for it."""
    # What this pytest tells its children is not meant for another one.
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    printed(command, cwd, own | variables)


def printed(
    command: Sequence[str | Path],
    cwd: Path,
    variables: Mapping[str, str] | None = None,
    stdin: str = "",
) -> str:
    """What a program prints that finds nothing wrong; else fail with that.

    Its environment is this one's, where no ``variables`` are given.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=variables,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def with_uv(uv: str) -> dict[str, str]:
    """The environment that pages and workflows take for granted: with uv installed."""
    known = environment()
    known["PATH"] += f"{os.pathsep}{Path(uv).parent}"
    return known


def git(*words: str, cwd: Path) -> str:
    """Run git and return what it prints."""
    done = subprocess.run(["git", *words], cwd=cwd, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def files_in(folder: Path) -> set[str]:
    """The files in a folder, without git's own and what Python compiles, as relative paths."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not {".git", "__pycache__"} & set(path.parts)}
