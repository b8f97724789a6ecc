"""A folder to run commands in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """What a command answered."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., Result]
"""Runs ``app`` with the arguments given, and with ``stdin`` where it reads."""


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of all in a folder, folders included, but of what Python compiles."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode & 0o777,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }
