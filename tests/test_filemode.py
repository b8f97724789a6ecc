"""Copier asks git once whether it heeds modes, and does then what it does."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from copier import _main
from jinja2 import Environment

from extensions import filemode
from extensions.filemode import Filemode
from tests.conftest import git


class Worker:
    """As Copier's, that notes the files of which it was to sync the mode."""

    def __init__(self, folder: Path) -> None:
        self.subproject = SimpleNamespace(local_abspath=folder)
        self.synced: list[Path] = []

    def _sync_git_index_executable_bit(self, path: Path, mode: int) -> None:
        assert mode == 0o755
        self.synced.append(path)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    patched = type("Patched", (Worker,), {filemode.SYNC: Worker._sync_git_index_executable_bit})
    monkeypatch.setattr(_main, "Worker", patched)
    Environment(extensions=[Filemode])  # noqa: S701 -- no HTML
    git("init", "--quiet", cwd=tmp_path)
    return patched(tmp_path)


def test_where_git_heeds_modes_nothing_is_done(worker: Any) -> None:
    worker._sync_git_index_executable_bit(Path("run"), 0o755)

    assert worker.synced == []


def test_where_git_does_not_copier_does_what_it_did(worker: Any, tmp_path: Path) -> None:
    git("config", "core.fileMode", "false", cwd=tmp_path)

    worker._sync_git_index_executable_bit(Path("run"), 0o755)

    assert worker.synced == [Path("run")]


def test_git_is_asked_once(worker: Any, tmp_path: Path) -> None:
    worker._sync_git_index_executable_bit(Path("run"), 0o755)
    git("config", "core.fileMode", "false", cwd=tmp_path)
    worker._sync_git_index_executable_bit(Path("run"), 0o755)

    assert worker.synced == []


def test_twice_is_once(worker: Any) -> None:
    once = _main.Worker.__dict__[filemode.SYNC]

    Environment(extensions=[Filemode])  # noqa: S701 -- no HTML

    assert _main.Worker.__dict__[filemode.SYNC] is once


@pytest.mark.parametrize("there", [None, object()])
def test_a_copier_without_it_stays_as_it_is(there: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_main, "Worker", there)

    Environment(extensions=[Filemode])  # noqa: S701 -- no HTML


def test_copier_has_it() -> None:
    assert hasattr(_main.Worker, filemode.SYNC), "it is for nothing now: take it out"
