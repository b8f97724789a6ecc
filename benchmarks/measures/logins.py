"""How long reads take at a fixed rate while others log in, and how long these take."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from benchmarks.load import closed_loop
from benchmarks.load.open_loop import Outcomes, Plan, median, send
from benchmarks.results import noise
from benchmarks.results.noise import Bound
from benchmarks.results.report import Section
from benchmarks.stage.contenders import Contender, Stage
from slipway import say

READS: Final = 200
LOGINS: Final = 4
SLOWEST_LOGIN: Final = 5
"""Seconds."""
FULL_SECONDS: Final = 6
"""Of the load under which it is measured: longer, or it could not be seen."""
TWICE: Final = 2


def measure(stage: Stage, rounds: int, seconds: int) -> Section:
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
    plan = Plan({}, 0, FULL_SECONDS, {"login": LOGINS})
    with ThreadPoolExecutor(1) as beside:
        reads = beside.submit(closed_loop.load, service, "me", FULL_SECONDS)
        logins = send(service, plan)["login"]
        return reads.result(), logins


def row(title: str, found: Mapping[str, float], seconds: int) -> list[str]:
    latencies = [f"{found[figure]:.1f}" for figure in ("p50", "p99", "most")]
    return [title, f"{found['count'] / seconds:.0f}", *latencies]
