"""The machine that is measured on: its processors, and what programs use of it."""

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1024 * 1024
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class TooSmallError(Exception):
    """The machine can't measure this. Says why."""


def processors() -> tuple[int, int]:
    """That of who is measured, and that of PostgreSQL and the load. Raises `TooSmallError`."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(usable) < 2:
        raise TooSmallError(
            "this needs Linux and two processors: one for the server, one for the load"
        )
    return usable[0], usable[1]


def pin(process: int, usable: Iterable[int]) -> None:
    """Keep a process on some processors, with all its threads and those it starts from now on."""
    with suppress(FileNotFoundError, ProcessLookupError):  # it may have ended by now
        for thread in Path(f"/proc/{process or os.getpid()}/task").iterdir():
            os.sched_setaffinity(int(thread.name), usable)


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this program on a processor in the block, with what it starts and does not pin."""
    usable = os.sched_getaffinity(0)
    pin(os.getpid(), {core})
    try:
        yield
    finally:
        pin(os.getpid(), usable)


def family(process: int) -> list[int]:
    """A process and the children that it has."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *map(int, children)]


def processor_seconds(process: int) -> float:
    """What a process has used so far (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(process: int) -> float:
    """What a process has in memory, in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def described() -> str:
    """What the numbers were measured on."""
    found = shutil.which("lscpu")
    lines = subprocess.check_output([found], text=True).splitlines() if found else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("Model name:")]
    processor = named[0] if named else platform.machine()
    return f"{os.cpu_count()} processors ({processor}), {platform.system()}"


def on(core: int, *command: str | Path) -> list[str | Path]:
    """The command that runs another one on a processor."""
    return ["taskset", "--cpu-list", str(core), *command]
