"""How many requests a program answers, and what processor time one takes.

Each program has one processor; PostgreSQL and the load have another. Rounds are interleaved: what
else the machine does is done to all.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.load import ceilings, closed_loop
from benchmarks.load.closed_loop import Measured, figure
from benchmarks.results import noise
from benchmarks.results.noise import Bound
from benchmarks.results.report import Section
from benchmarks.stage.contenders import BARE, REMEMBERING, SERVICE, Contender, Stage
from slipway import say

PEER: Final = "full-stack-fastapi-template"


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked, over and over."""

    name: str
    title: str
    at_least: Mapping[str, float]
    """The least that the service answers for each request that another one does."""


WORKS: Final = (
    Work("me", "`GET /users/me`", {BARE: 0.75, PEER: 5}),
    Work("page", "a page of 20 posts", {BARE: 0.70}),
    Work("marked page", "the same, signed in", {}),
    Work("create", "create a post", {}),
    Work("login", "log in", {}),
    Work("refresh", "refresh", {}),
    Work("livez", "`GET /livez`", {}),
)
SHORT: Final = ("me", "page")

Load = Callable[[], Measured]


def measure(stage: Stage, works: Sequence[Work], rounds: int, seconds: int) -> Section:
    """Load everybody with each work in each round, in an order that turns."""
    say(f"Measuring requests, {rounds} rounds ...")
    works = [work for work in works if work.name in stage.own.requests]
    loads = {work.name: loads_of(stage, work, seconds) for work in works}
    found: dict[str, dict[str, list[Measured]]] = {work.name: {} for work in works}
    for number in range(rounds):
        for work in works:
            for name, load in noise.turned(list(loads[work.name].items()), number):
                found[work.name].setdefault(name, []).append(load())
    return section(works, {name: ordered(loads[name], one) for name, one in found.items()})


def ordered(names: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in names}


def loads_of(stage: Stage, work: Work, seconds: int) -> dict[str, Load]:
    """What measures each of those who do the work, once."""

    def by_wrk(contender: Contender) -> Load:
        return lambda: closed_loop.load(contender, work.name, seconds)

    loads = {
        name: by_wrk(contender)
        for name, contender in stage.contenders.items()
        if work.name in contender.requests
    }
    if REMEMBERING in stage.contenders:  # with everybody, what no program can exceed
        loads |= ceilings.loads_of(stage, work.name, seconds)
    return loads


def section(
    works: Sequence[Work], found: Mapping[str, Mapping[str, Sequence[Measured]]]
) -> Section:
    """Medians of each work and program, and the service's ratio to each other one."""
    rows = []
    bounds = []
    figures: dict[str, Any] = {}
    for work in works:
        service = found[work.name][SERVICE]
        figures[work.name] = {}
        for name, measured in found[work.name].items():
            ratio = noise.ratios(figure(service, "rate"), figure(measured, "rate"))
            by_processor = ratio_of_processor_time(service, measured)
            medians = {one: statistics.median(figure(measured, one)) for one in measured[0]}
            rates = noise.Spread.of(figure(measured, "rate"))
            figures[work.name][name] = medians | {
                "least": rates.least,
                "greatest": rates.greatest,
                "service's ratio": ratio.median,
                "service's ratio by processor time": by_processor and by_processor.median,
            }
            compared = [one.text() if one else "" for one in (ratio, by_processor)]
            if name == SERVICE:
                compared = ["", ""]
            rows.append([*row(work.title, name, rates, medians), *compared])
            if name in work.at_least:
                what = f"{work.title}, of {name}"
                bounds.append(Bound(what, ratio, at_least=work.at_least[name]))
    return Section(
        "Requests",
        (
            *("work", "of", "requests/s", "processor, µs", "p50, ms", "p99, ms"),
            *("the service's ratio to it", "by processor time"),
        ),
        rows,
        figures,
        bounds,
    )


def ratio_of_processor_time(
    service: Sequence[Measured], other: Sequence[Measured]
) -> noise.Spread | None:
    """What the other one needs for a request, to what the service needs; none where unknown."""
    if "microseconds" not in other[0]:
        return None
    return noise.ratios(figure(other, "microseconds"), figure(service, "microseconds"))


def row(title: str, name: str, rates: noise.Spread, medians: Mapping[str, float]) -> list[str]:
    latencies = [f"{medians[one]:.1f}" if one in medians else "" for one in ("p50", "p99")]
    processor = f"{medians['microseconds']:.0f}" if "microseconds" in medians else ""
    return [title, name, rates.text(0), processor, *latencies]
