"""Whether two workers on two cores do twice the work of one.

A service scales by instances of one worker each (docs/scaling-out.md). The load and PostgreSQL need
processors, too, and there are but two; so it is the whole that is doubled. First one instance, its
load and PostgreSQL share one core; then two instances, each with its load, have a core each, and
PostgreSQL both. What the instances take from each other, they take in PostgreSQL.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from benchmarks import machine, noise, throughput
from benchmarks.contenders import SERVICE, Contender, Stage, started
from benchmarks.noise import Bound
from benchmarks.report import Section
from slipway import say

WORKERS: Final = 2
AT_LEAST: Final = 0.9 * WORKERS


def measure(stage: Stage, rounds: int, seconds: int) -> Section:
    """Reads of the signed-in user, by one worker and by two."""
    say(f"Measuring two workers, {rounds} rounds ...")
    cores = machine.processors()
    program = stage.program(SERVICE)
    port = {"METRICS_PORT": str(machine.free_port())}
    other = replace(program, settings={**program.settings, **port})
    one, both = [], []
    with started(other, cores[1]) as second:
        second.requests = stage.own.requests
        for _ in range(rounds):
            keep_database_on(stage, cores[:1])
            one += load([(stage.own, cores[0])], seconds)
            keep_database_on(stage, cores)
            both.append(sum(load([(stage.own, cores[0]), (second, cores[1])], seconds)))
        keep_database_on(stage, cores[1:])
    ratio = noise.ratios(both, one)
    rows = [
        ["1, on 1 core", noise.Spread.of(one).text(0), ""],
        ["2, on 2 cores", noise.Spread.of(both).text(0), ratio.text()],
    ]
    return Section(
        "Workers, each with its load on its own core",
        ("workers", "`GET /users/me`/s", "ratio"),
        rows,
        {"one": one, "both": both, "ratio": ratio.median},
        [Bound("two workers on two cores, to one on one", ratio, at_least=AT_LEAST)],
    )


def load(instances: list[tuple[Contender, int]], seconds: int) -> list[float]:
    """Requests a second of each, loaded at the same time, each load on its instance's core."""
    [work] = [work for work in throughput.WORKS if work.name == "me"]
    with ThreadPoolExecutor(len(instances)) as together:
        loads = [
            together.submit(throughput.load, one, work, one.requests["me"], seconds, core)
            for one, core in instances
        ]
        return [load.result()["rate"] for load in loads]


def keep_database_on(stage: Stage, cores: Iterable[int]) -> None:
    """Let PostgreSQL, and all its processes, run on these alone."""
    for process in machine.family(stage.postmaster):
        machine.pin(process, cores)
