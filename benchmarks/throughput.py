"""How many requests a program answers, and what processor time one takes.

Sixteen connections ask all the time, by wrk. Each program has one processor; PostgreSQL and the
load have another. Rounds are interleaved: what else the machine does is done to all.
"""

import json
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import ceilings, machine, noise
from benchmarks.client import Request, send
from benchmarks.contenders import BARE, REMEMBERING, SERVICE, Contender, Stage
from benchmarks.noise import Bound
from benchmarks.report import Section
from slipway import say

WRK: Final = Path(__file__).parent / "wrk.lua"
CONNECTIONS: Final = 16
SESSIONS: Final = 4 * CONNECTIONS
"""Refresh tokens at hand; each connection has spent one and not yet got its next at some time."""
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

Measured = dict[str, float]
"""Of one round: requests a second, microseconds of processor time, and latencies."""
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

    def by_wrk(contender: Contender, request: Request) -> Load:
        return lambda: load(contender, work, request, seconds)

    loads = {
        name: by_wrk(contender, contender.requests[work.name])
        for name, contender in stage.contenders.items()
        if work.name in contender.requests
    }
    if REMEMBERING in stage.contenders:  # with everybody, what no program can exceed
        loads |= ceilings.loads_of(stage, work.name, seconds)
    return loads


def load(
    contender: Contender, work: Work, request: Request, seconds: int, core: int | None = None
) -> Measured:
    """Ask by wrk, from the other processor or the one named."""
    _, loading = machine.processors()
    arguments = [] if request.body is None else [request.body]
    if work.name == "refresh":
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
        raise SystemExit(f"{contender.name}, {work.title}: {failed} failed, {answered} answered.")
    return {
        "rate": counted["requests"] / counted["seconds"],
        "microseconds": 1e6 * spent / counted["requests"],
        "p50": counted["p50"],
        "p99": counted["p99"],
    }


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


def figure(measured: Sequence[Measured], name: str) -> list[float]:
    return [one[name] for one in measured]
