"""How long requests take at a fixed rate: a mix of all kinds, and reads while others log in."""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks import machine, noise, throughput
from benchmarks.contenders import AXUM, SERVICE, Contender, Stage
from benchmarks.noise import Bound
from benchmarks.report import Section
from slipway import ROOT, say

MIX: Final = {"me": 0.70, "page": 0.20, "create": 0.08, "login": 0.02}
MIX_RATE: Final = 300
READS: Final = 200
LOGINS: Final = 4
SLOWEST_LOGIN: Final = 5
"""Seconds."""
FULL_SECONDS: Final = 6
"""Of the load under which it is measured: longer, or it could not be seen."""
TWICE: Final = 2

Outcomes = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `openloop` sends."""

    shares: Mapping[str, float]
    """Of the rate, to each other: their sum is the whole."""
    rate: float
    seconds: int
    beside: Mapping[str, int]
    """How many clients ask each kind over and over."""


def measure_mix(stage: Stage, rounds: int, seconds: int) -> Section:
    """The mix, of those who have all its endpoints."""
    say(f"Measuring a mix at {MIX_RATE} requests a second, {rounds} rounds ...")
    mix = {kind: share for kind, share in MIX.items() if kind in stage.own.requests}
    plan = Plan(mix, MIX_RATE, seconds, {})
    contenders = [stage.contenders[name] for name in (SERVICE, AXUM) if name in stage.contenders]
    found: dict[str, list[Outcomes]] = {one.name: [] for one in contenders}
    for _ in range(rounds):
        for contender in contenders:
            found[contender.name].append(send(contender, plan))
    rows = []
    figures = {}
    for name, outcomes in found.items():
        medians = {kind: median(outcomes, kind) for kind in mix}
        figures[name] = medians
        rows += [
            [name, kind, *(f"{one[figure]:.1f}" for figure in ("p50", "p99", "p99.9", "most"))]
            for kind, one in medians.items()
        ]
    whole = sum(mix.values())
    share = ", ".join(f"{100 * part / whole:.0f} % {kind}" for kind, part in mix.items())
    return Section(
        f"{MIX_RATE} requests a second: {share}",
        ("of", "requests", "p50, ms", "p99, ms", "p99.9, ms", "slowest, ms"),
        rows,
        figures,
    )


def measure_logins(stage: Stage, rounds: int, seconds: int) -> Section:
    """Reads at a fixed rate, alone and beside logins; and logins at full load of reads."""
    say(f"Measuring reads beside logins, {rounds} rounds ...")
    alone = Plan({"me": 1}, READS, seconds, {})
    beside = Plan({"me": 1}, READS, seconds, {"login": LOGINS})
    found: dict[str, list[Outcomes]] = {"alone": [], "beside": []}
    for _ in range(rounds):
        found["alone"].append(send(stage.own, alone))
        found["beside"].append(send(stage.own, beside))
    reads_at_full, logins_at_full = full_load(stage.own)
    beside_p99, alone_p99 = (
        [outcome["me"]["p99"] for outcome in found[name]] for name in ("beside", "alone")
    )
    slowest = noise.exactly(logins_at_full["most"] / 1e3)
    reads, logins = f"{READS} `GET /users/me` a second", f"{LOGINS} logins in flight"
    rows = [
        row(reads, median(found["alone"], "me"), seconds),
        row(f"{reads}, {logins}", median(found["beside"], "me"), seconds),
        row(f"{logins} beside these", median(found["beside"], "login"), seconds),
        [
            f"`GET /users/me` as fast as they are answered, {logins}",
            *(f"{reads_at_full['rate']:.0f}", f"{reads_at_full['p50']:.1f}"),
            *(f"{reads_at_full['p99']:.1f}", ""),
        ],
        row(f"{logins} beside these", logins_at_full, FULL_SECONDS),
    ]
    return Section(
        "Reads while others log in",
        ("requests", "answered/s", "p50, ms", "p99, ms", "slowest, ms"),
        rows,
        {
            "reads alone": median(found["alone"], "me"),
            "reads beside logins": median(found["beside"], "me"),
            "logins beside reads": median(found["beside"], "login"),
            "reads at full load": reads_at_full,
            "logins at full load": logins_at_full,
        },
        [
            Bound(
                "p99 of reads beside logins, to that of reads alone",
                noise.ratios(beside_p99, alone_p99),
                at_most=TWICE,
            ),
            Bound("slowest login at full load of reads, s", slowest, at_most=SLOWEST_LOGIN),
        ],
    )


def full_load(service: Contender) -> tuple[dict[str, float], dict[str, float]]:
    """As many reads as are answered, and logins beside them: what became of either."""
    [work] = [work for work in throughput.WORKS if work.name == "me"]
    plan = Plan({}, 0, FULL_SECONDS, {"login": LOGINS})
    with ThreadPoolExecutor(1) as beside:
        reads = beside.submit(throughput.load, service, work, service.requests["me"], FULL_SECONDS)
        logins = send(service, plan)["login"]
        return reads.result(), logins


def row(title: str, found: Mapping[str, float], seconds: int) -> list[str]:
    latencies = [f"{found[figure]:.1f}" for figure in ("p50", "p99", "most")]
    return [title, f"{found['count'] / seconds:.0f}", *latencies]


def median(outcomes: Sequence[Outcomes], kind: str) -> dict[str, float]:
    """Of the rounds."""
    rounds = [outcome[kind] for outcome in outcomes]
    return {figure: statistics.median(one[figure] for one in rounds) for figure in rounds[0]}


def send(contender: Contender, plan: Plan) -> Outcomes:
    """Send what the plan says, from the other processor."""
    _, loading = machine.processors()
    kinds: dict[str, Any] = {}
    for kind in {**plan.shares, **plan.beside}:
        request = contender.requests[kind]
        kinds[kind] = {"path": request.path, "headers": request.headers, "body": request.body}
    written = json.dumps({"url": contender.url, "kinds": kinds, **asdict(plan)})
    load = (sys.executable, "-m", "benchmarks.openloop")
    done = subprocess.run(
        machine.on(loading, *load),
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
