"""Runs commands in a folder that is empty but for the migrations."""

import io
import sys
from pathlib import Path

import pytest

from app import cli
from app.ops import logging
from app.settings import Settings
from tests.support.processes import PROJECT, environment_of
from tests.support.workspace import Result, Run


@pytest.fixture
def run(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs ``app`` with these arguments, in this process but as if typed."""

    def command(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "argv", ["app", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        logging.configure("info", "console")
        return Result(int(caught.value.code or 0), printed.out, printed.err)

    (workspace / "migrations").symlink_to(PROJECT / "migrations")
    return command


@pytest.fixture
def configured(run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, where the environment names the test's database."""
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    return run
