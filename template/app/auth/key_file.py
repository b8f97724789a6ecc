"""Changes a key file: whole or not at all, one change after the other."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.auth.keys import KeySet
from app.secret_files import SecretFile


def change_file(file: SecretFile, change: Callable[[str], str]) -> None:
    """Replace the JWK Set in the file by what ``change`` makes of it.

    Readers see the old file or the new one. Owner and mode stay; of a link, the target is changed.
    Raises `SecretFileError`, `ValueError` or `OSError`, with the file as it was.
    """
    path = file.path.resolve()
    with _locked(path.parent):
        found = file.read()
        text = change(found)
        KeySet.parse(text)
        if text != found:
            _replace(path, text)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait until nobody else changes a file in the folder. The end of the process unlocks it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    status = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have the new name on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
