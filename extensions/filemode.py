"""Filemode: git is asked once, not for each file, whether it heeds the modes of files.

Copier starts git for every file that it writes, since something is to be done where git's
core.fileMode is false, as it is on Windows. The answer is the same each time, and to ask took half
of the time to render a service: docs/decisions/0039-git-is-asked-once.md.
"""

import subprocess
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, Final

from copier import _main
from jinja2 import Environment
from jinja2.ext import Extension

SYNC: Final = "_sync_git_index_executable_bit"
"""Copier's own name for it, and none that it promises to keep: without it, nothing is changed."""


class Filemode(Extension):
    """Has Copier's question answered from memory, in this process."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        worker = getattr(_main, "Worker", None)
        sync = getattr(worker, SYNC, None)
        if sync and not hasattr(sync, "__wrapped__"):
            setattr(worker, SYNC, _where_modes_are_not_heeded(sync))


def _where_modes_are_not_heeded(sync: Callable[..., None]) -> Callable[..., None]:
    @wraps(sync)
    def synced(worker: Any, *arguments: Any) -> None:
        if not _heeds_modes(worker.subproject.local_abspath):
            sync(worker, *arguments)

    return synced


@cache
def _heeds_modes(folder: Path) -> bool:
    """Whether git does in this folder, as it does by itself (git-config(1), core.fileMode)."""
    asked = ("git", "-C", folder, "config", "--type=bool", "--get", "core.fileMode")
    found = subprocess.run(asked, capture_output=True, check=False)  # noqa: S603 - there is no shell
    return found.stdout.strip() != b"false"
