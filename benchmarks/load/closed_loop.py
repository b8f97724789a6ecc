"""Requests by wrk, as fast as they are answered: sixteen connections ask all the time."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.stage import machine
from benchmarks.stage.client import send
from benchmarks.stage.contenders import Contender

WRK: Final = Path(__file__).parent / "wrk.lua"
CONNECTIONS: Final = 16
SESSIONS: Final = 4 * CONNECTIONS
"""Refresh tokens at hand; each connection has spent one and not yet got its next at some time."""

Measured = dict[str, float]
"""Of one round: requests a second, microseconds of processor time, and latencies."""


def load(contender: Contender, work: str, seconds: int, core: int | None = None) -> Measured:
    """Ask for this work, from the other processor or the one named."""
    _, loading = machine.processors()
    request = contender.requests[work]
    arguments = [] if request.body is None else [request.body]
    if work == "refresh":
        login = contender.requests["login"]
        url = contender.url
        arguments += [send(url, login)["refresh_token"] for _ in range(SESSIONS)]
    headers = [f"--header={name}: {value}" for name, value in request.headers.items()]
    before = machine.processor_seconds(contender.process.pid)
    done = subprocess.run(
        machine.on(
            loading if core is None else core,
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
            *("--duration", f"{seconds}s", "--script", str(WRK), *headers),
            *(contender.url + request.path, "--", *arguments),
        ),
        check=True,
        stdout=subprocess.PIPE,
    )
    spent = machine.processor_seconds(contender.process.pid) - before
    counted = json.loads(done.stdout.decode().splitlines()[-1])
    if counted["failed"] or not counted["requests"]:
        failed, answered = counted["failed"], counted["requests"]
        raise SystemExit(f"{contender.name}, {work}: {failed} failed, {answered} answered.")
    return {
        "rate": counted["requests"] / counted["seconds"],
        "microseconds": 1e6 * spent / counted["requests"],
        "p50": counted["p50"],
        "p99": counted["p99"],
    }


def figure(measured: Sequence[Measured], name: str) -> list[float]:
    """One figure of all rounds."""
    return [one[name] for one in measured]
