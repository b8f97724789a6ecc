"""Secrets that stand in files, and who else could read them."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path


class SecretFileError(Exception):
    """A secret's file can't be used. Says why and how to mend it; shows nothing of it."""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that holds one secret."""

    path: Path
    mounted: bool
    """Whether Docker or Kubernetes put it there, for one container's eyes. They give it a mode of
    their own, 0444 or 0644 as a rule, which nobody else is there to make use of."""

    def read(self) -> str:
        """Raises `SecretFileError`, also where others on this machine may read the file."""
        try:
            with self.path.open("rb") as file:
                if not self.mounted:
                    self._check(os.fstat(file.fileno()))
                return file.read().decode().strip()
        except UnicodeError:
            reason = "it is not text in UTF-8"
        except OSError as error:
            reason = error.strerror or "unknown error"
        raise SecretFileError(f"its secret file can't be read: {reason}")

    def _check(self, status: os.stat_result) -> None:
        if is_open_to_others(status):
            mode = stat.S_IMODE(status.st_mode)
            raise SecretFileError(
                f"others can read its secret file (mode {mode:04o}): run `chmod 600 {self.path}`"
            )


def is_open_to_others(status: os.stat_result) -> bool:
    """PostgreSQL's rule for its own key: a file is the owner's alone, or root's and may then be
    read by a group.
    """
    others = stat.S_IRWXG | stat.S_IRWXO
    if status.st_uid == 0:
        others &= ~stat.S_IRGRP
    return os.name == "posix" and bool(status.st_mode & others)
