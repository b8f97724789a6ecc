"""The README's two commands, as somebody calls them who has just cloned the repository."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import slipway
from slipway import ROOT
from tests.conftest import git

CREDENTIALS = {"email": "ada@example.com", "password": "correct horse battery"}


@pytest.fixture(scope="module")
def clone(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shallow clone, with work in progress in it."""
    clone = tmp_path_factory.mktemp("clone") / "slipway"
    git("clone", "--quiet", "--depth=1", template.as_uri(), str(clone), cwd=ROOT)
    with (clone / "template" / "README.md.jinja").open("a") as readme:
        readme.write("\nWork in progress.\n")
    return clone


@pytest.fixture
def new_home(tmp_path: Path, uv: str) -> dict[str, str]:
    """The environment of a new user. Downloads alone are shared, to be quick."""
    done = subprocess.run([uv, "cache", "dir"], check=True, stdout=subprocess.PIPE)
    kept = {
        key: os.environ[key] for key in os.environ if key.endswith(("PATH", "CERT", "CERT_FILE"))
    }
    return kept | {"HOME": str(tmp_path), "UV_CACHE_DIR": done.stdout.decode().strip()}


@contextmanager
def demo(clone: Path, environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The demo as it serves: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "slipway.py", "demo", "--port", str(port)]
    with (clone.parent / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=clone,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_it_serves(url, process)
        yield url, process
    finally:
        interrupt(process)


def wait_until_it_serves(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/livez")
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the demo does not serve")


def interrupt(process: subprocess.Popen[bytes]) -> int:
    """Press Ctrl-C, of which a terminal tells everything that runs in it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    return process.wait(60)


def log_in(url: str) -> None:
    answer = httpx.post(f"{url}/api/v1/auth/login", json=CREDENTIALS)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"


def processes_in(folder: Path) -> list[str]:
    """What runs there, or from there."""
    done = subprocess.run(["ps", "-ww", "-eo", "args"], check=True, stdout=subprocess.PIPE)
    return [line for line in done.stdout.decode().splitlines() if str(folder) in line]


def what_is_left_in(folder: Path) -> list[str]:
    """What still runs there when all has had the time to end.

    Python's resource tracker (`multiprocessing.resource_tracker`) ends by itself, once it sees that
    those whom it served have.
    """
    deadline = time.monotonic() + 30
    while (left := processes_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def test_the_first_command_serves_a_login(clone: Path, new_home: dict[str, str]) -> None:
    with demo(clone, new_home) as (url, process):
        httpx.post(f"{url}/api/v1/auth/register", json={"name": "Ada", **CREDENTIALS})
        log_in(url)
        assert interrupt(process) == 0

    output = (clone.parent / "output").read_text()
    assert f"slipway: Rendering a service into {clone}/demo ..." in output
    assert f"listens on {url}" in output
    assert "Traceback" not in output
    assert "Warning" not in output
    assert what_is_left_in(clone) == []
    assert (clone / "demo" / "README.md").read_text().endswith("\nWork in progress.\n")
    assert "demo" not in git("status", "--porcelain", cwd=clone)

    with demo(clone, new_home) as (url, process):
        log_in(url)
        assert interrupt(process) == 0

    output = (clone.parent / "output").read_text()
    assert f"slipway: Using the service in {clone}/demo;" in output
    assert what_is_left_in(clone) == []


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "slipway.py", *arguments]
    # What this pytest was told is not meant for another one.
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(command, cwd=cwd, env=own, capture_output=True, text=True, check=False)


def test_the_second_command_is_pytest_with_its_arguments() -> None:
    done = run("test", "-n0", "--collect-only", "--quiet", "tests/test_quoting.py")
    assert "tests/test_quoting.py::test_python_reads_it_back\n" in done.stdout
    assert re.search(r"\n\d+ tests collected in ", done.stdout)
    assert done.returncode == 0


def test_its_exit_code_is_pytests() -> None:
    assert run("test", "-n0", "no-such-file").returncode == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    "arguments", [[], ["demmo"], ["demo", "--prot", "80"], ["demo", "--port=x"]]
)
def test_a_wrong_call_says_what_is_possible(arguments: Sequence[str]) -> None:
    done = run(*arguments)
    assert done.stderr.startswith("usage: slipway.py")
    assert done.returncode == 2


def test_uv_is_got_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(slipway, "OWN_UV", tmp_path)
    own = slipway.find_uv()
    assert own == str(tmp_path / "bin" / "uv")
    assert slipway.works(own)
    assert capsys.readouterr().out == f"slipway: Getting uv into {tmp_path} ...\n"

    assert slipway.find_uv() == own
    assert capsys.readouterr().out == ""


def test_a_uv_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "uv"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    assert not slipway.works(str(broken))
    assert not slipway.works(str(tmp_path / "missing"))


def test_an_older_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    with pytest.raises(SystemExit, match="needs Python 3"):
        slipway.main()


def test_a_python_that_makes_no_environments_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slipway, "OWN_UV", tmp_path)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(slipway.StepError, match="apt install python3-venv"):
        slipway.install_uv()


def test_a_pip_that_installs_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slipway, "OWN_UV", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(slipway.StepError, match="pip could not install uv"):
        slipway.install_uv()


@pytest.mark.parametrize("name", ["VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"])
def test_each_project_has_an_environment_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/opt/shared")
    assert name not in slipway.environment()
