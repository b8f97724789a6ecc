"""A PostgreSQL of a test's own, which it may stop."""

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Final

from tools import postgres

_DATABASE: Final = "postgres"
_OUTLIVES_A_CRASH: Final = {"synchronous_commit": "on"}
"""What is committed; else the last moments before one would be forgotten."""


class PrivateServer:
    """A server with its data in a folder, made when there is none; it is stopped at first."""

    def __init__(self, data: Path, **options: str) -> None:
        """``options`` are PostgreSQL's, as in postgresql.conf."""
        self.data = data
        self._options = postgres.FAST_AND_UNSAFE | _OUTLIVES_A_CRASH | options
        self._running = contextlib.ExitStack()

    def start(self) -> str:
        """Returns the address of its database."""
        server = self._running.enter_context(postgres.running(self.data, self._options))
        return server.dsn(_DATABASE)

    def stop(self) -> None:
        """As an operator does: sessions are ended, transactions rolled back."""
        self._running.close()

    def crash(self) -> None:
        """Without a word to anybody, and with recovery at the next start."""
        os.kill(int(self._pid_file.read_text().split()[0]), signal.SIGQUIT)
        self._running.close()

    def become_standby(self) -> None:
        """From the next start on, for as long as nobody promotes it."""
        (self.data / "standby.signal").touch()

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"


def remove(data: Path) -> None:
    """Remove a server's data, and root's replacement for it with its locks."""
    folder = data.resolve()
    if data.is_symlink():
        for path in folder.parent.glob(f"{folder.name}.*"):
            path.unlink()
    shutil.rmtree(folder, ignore_errors=True)
