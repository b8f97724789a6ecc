"""Requests at a fixed rate, and clients beside them, from the other processor."""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.stage import machine
from benchmarks.stage.contenders import Contender
from slipway import ROOT

Outcomes = dict[str, dict[str, float]]
"""Of each kind of request: latencies in milliseconds, and how many were answered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `sender` sends."""

    shares: Mapping[str, float]
    """Of the rate, to each other: their sum is the whole."""
    rate: float
    seconds: int
    beside: Mapping[str, int]
    """How many clients ask each kind over and over."""


def send(contender: Contender, plan: Plan) -> Outcomes:
    """Send what the plan says. Fails where a request does."""
    _, loading = machine.processors()
    kinds: dict[str, Any] = {}
    for kind in {**plan.shares, **plan.beside}:
        request = contender.requests[kind]
        kinds[kind] = {"path": request.path, "headers": request.headers, "body": request.body}
    written = json.dumps({"url": contender.url, "kinds": kinds, **asdict(plan)})
    sender = (sys.executable, "-m", "benchmarks.load.sender")
    done = subprocess.run(
        machine.on(loading, *sender),
        cwd=ROOT,
        input=written,
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )
    outcomes: Outcomes = json.loads(done.stdout)
    if failed := {kind: one["failed"] for kind, one in outcomes.items() if one["failed"]}:
        raise SystemExit(f"{contender.name}: requests failed: {failed}.")
    return outcomes


def median(outcomes: Sequence[Outcomes], kind: str) -> dict[str, float]:
    """Of the rounds."""
    rounds = [outcome[kind] for outcome in outcomes]
    return {figure: statistics.median(one[figure] for one in rounds) for figure in rounds[0]}
