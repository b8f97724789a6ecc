"""How long requests take at a fixed rate, a mix of all kinds."""

from typing import Final

from benchmarks.load.open_loop import Outcomes, Plan, median, send
from benchmarks.results.report import Section
from benchmarks.stage.contenders import AXUM, SERVICE, Stage
from slipway import say

MIX: Final = {"me": 0.70, "page": 0.20, "create": 0.08, "login": 0.02}
RATE: Final = 300


def measure(stage: Stage, rounds: int, seconds: int) -> Section:
    """The mix, of those who have all its endpoints."""
    say(f"Measuring a mix at {RATE} requests a second, {rounds} rounds ...")
    mix = {kind: share for kind, share in MIX.items() if kind in stage.own.requests}
    plan = Plan(mix, RATE, seconds, {})
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
        f"{RATE} requests a second: {share}",
        ("of", "requests", "p50, ms", "p99, ms", "p99.9, ms", "slowest, ms"),
        rows,
        figures,
    )
