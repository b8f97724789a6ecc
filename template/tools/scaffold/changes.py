"""Changes to the project's files: shown, tried out in a copy, or carried out as a whole."""

import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

from app.cli.failure import Failure, failing_on
from tools import databases
from tools.checker import snapshot
from tools.postgres import PostgresError

Changes: TypeAlias = Mapping[Path, str | None]
"""The text that each file is to have; None where it is to be removed."""

_CHECKED: Final = ("app", "tools", "migrations", "sql")
"""The folders that ``app sql prepare`` works with."""


def diff(changes: Changes) -> str:
    """The changes as `git apply` takes them."""
    return "".join(_diff(path, text) for path, text in changes.items())


def _diff(path: Path, text: str | None) -> str:
    before = read(path)
    lines = difflib.unified_diff(
        (before or "").splitlines(keepends=True),
        (text or "").splitlines(keepends=True),
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if text is None else f"b/{path}",
    )
    return "".join(lines)


def with_snapshot(changes: Changes) -> dict[Path, str | None]:
    """The changes, and those that ``app sql prepare`` then makes to the snapshot.

    They are made in a copy of the project: where PostgreSQL refuses something, this raises
    `Failure`, and the project is as it was.
    """
    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        copy = Path(folder)
        for name in _CHECKED:
            if Path(name).exists():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(name, copy / name, ignore=ignored)
        for path, text in changes.items():
            _put(copy / path, text)
        with failing_on(PostgresError), databases.server() as server:
            _prepare(copy, server)
        return {**changes, **dict(_snapshot(copy))}


def _prepare(copy: Path, server: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "app", "sql", "prepare"],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "TEST_DATABASE_URL": server},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise Failure(f"nothing was changed, for `app sql prepare` would fail:\n{done.stdout}")


def _snapshot(copy: Path) -> Iterator[tuple[Path, str | None]]:
    """What has become of the snapshot's files."""
    made = (file.relative_to(copy) for file in (copy / snapshot.FOLDER).glob("*"))
    for file in sorted({*snapshot.FOLDER.glob("*"), *made}):
        if (text := read(copy / file)) != read(file):
            yield file, text


def carry_out(changes: Changes) -> None:
    """Make all of the changes, or none. Raises `Failure`."""
    before = {path: read(path) for path in changes}
    folders = {folder for path in changes for folder in path.parents if not folder.exists()}
    try:
        for path, text in changes.items():
            _put(path, text)
    except BaseException as error:
        for path, text in before.items():
            with suppress(OSError):
                _put(path, text)
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise Failure(
                f"nothing was changed: can't write {error.filename}: {error.strerror}"
            ) from error
        raise


def read(path: Path) -> str | None:
    """The text of a file, if there is one."""
    return path.read_text(encoding="utf-8") if path.exists() else None


def _put(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
