"""Calling commands rightly and wrongly: help, exit codes, and what is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.workspace import Run

COMMANDS = [
    "init",
    "dev",
    "new",
    "new resource",
    "serve",
    "openapi",
    "config",
    "db",
    "db migrate",
    "db revert",
    "db status",
    "db new",
    "users",
    "users create",
    "users promote",
    "sql",
    "sql check",
    "sql prepare",
    "sql explain",
    "template",
    "template status",
    "template update",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    result = run(*command.split(), "--help")

    assert result.code == 0
    assert result.stdout.startswith(f"Usage: app {command}")
    [_, _, description, *_] = result.stdout.splitlines()
    assert description.strip().endswith((".", "on change,")) or len(description) > 60


def test_help_lists_every_command(run: Run) -> None:
    listed = run("--help").stdout

    for command in COMMANDS:
        group, _, name = command.partition(" ")
        assert f"\n  {group} " in listed
        assert not name or f"\n  {name} " in run(group, "--help").stdout


@pytest.mark.parametrize("arguments", [[], ["db"], ["users"], ["sql"], ["template"]])
def test_a_group_alone_shows_its_help(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.code == 2
    assert "Commands:" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("db nonsense", "No such command 'nonsense'"),
        ("db new", "Missing argument 'name'"),
        ("db revert --steps 0", "Invalid value for '--steps'"),
        ("db migrate --lock-timeout soon", "Invalid value for '--lock-timeout'"),
        ("serve --port eighty", "Invalid value for '--port'"),
        ("serve --port 70000", "Invalid value for '--port'"),
        ("serve --nonsense", "No such option: --nonsense"),
        ("users create", "Missing argument 'email'"),
        ("users create ada@example.com", "Missing option '--name'"),
        ("users promote", "Missing argument 'email'"),
    ],
)
def test_a_wrong_call_says_what_to_do(run: Run, call: str, answer: str) -> None:
    result = run(*call.split())

    assert result.code == 2
    assert answer in result.stderr
    assert "--help' for help" in result.stderr
    assert result.stdout == ""


class TestProcesses:
    """What only a process of its own can show; all else is tested in this one, which is faster."""

    def test_python_m_app_works_without_the_script(self, workspace: Path) -> None:
        done = _process("--help", directory=workspace)

        assert done.returncode == 0
        assert done.stdout.startswith("Usage: python -m app ")

    @pytest.mark.parametrize(
        ("arguments", "code"), [(["init"], 0), (["db", "new", "Wrong Name"], 1), (["nonsense"], 2)]
    )
    def test_the_exit_code_arrives(self, workspace: Path, arguments: list[str], code: int) -> None:
        done = _process(*arguments, directory=workspace)

        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr

    def test_help_does_not_load_the_service(self, workspace: Path) -> None:
        program = "import sys, app.cli; print(*sys.modules)"
        done = subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-c", program],
            cwd=workspace,
            capture_output=True,
            text=True,
            check=True,
        )

        assert {"fastapi", "asyncpg", "uvicorn"} & set(done.stdout.split()) == set()


def _process(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "app", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
