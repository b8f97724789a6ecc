"""What the project's linter makes of a file that is not written yet, by the project's settings."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from app.cli.failure import Failure

_OURS: Final = "lint.isort.known-first-party=['app', 'tests', 'tools']"
"""Else it takes a module that is not there yet for somebody else's."""


def sort_imports(path: Path, text: str) -> str:
    """Sort the imports."""
    return _run("check", "--select=I", "--fix-only", f"--config={_OURS}", path=path, text=text)


def tidy(path: Path, text: str) -> str:
    """Remove the imports that nothing uses, sort the others, and format the file."""
    needed = _run(
        "check", "--select=I,F401", "--fix-only", f"--config={_OURS}", path=path, text=text
    )
    return _run("format", path=path, text=needed)


def _run(*command: str, path: Path, text: str) -> str:
    done = subprocess.run(  # noqa: S603 -- the project's own linter
        [sys.executable, "-m", "ruff", *command, "--quiet", f"--stdin-filename={path}", "-"],
        input=text,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise Failure(f"ruff can't read {path}: {done.stderr.strip()}")
    return done.stdout
