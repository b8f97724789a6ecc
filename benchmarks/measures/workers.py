"""Whether two workers on two cores do twice the work of one.

A service scales by instances of one worker each (docs/scaling-out.md). The load and PostgreSQL need
processors, too, and there are but two; so it is the whole that is doubled. First one instance, its
load and PostgreSQL share one core; then two instances, each with its load, have a core each, and
PostgreSQL both. What the instances take from each other, they take in PostgreSQL.

Two processors of a virtual machine may be less than two cores, and don't say so: an endless loop on
one, and one on each, tell what they are.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from benchmarks.load import closed_loop
from benchmarks.results import noise
from benchmarks.results.noise import Bound
from benchmarks.results.report import Section
from benchmarks.stage import machine
from benchmarks.stage.contenders import SERVICE, Contender, Stage, started
from slipway import say

WORKERS: Final = 2
AT_LEAST: Final = 0.9

LOOP: Final = """
import sys, time
end, turns = time.perf_counter() + float(sys.argv[1]), 0
while time.perf_counter() < end:
    turns += 1
print(turns)
"""


def measure(stage: Stage, rounds: int, seconds: int) -> Section:
    """Reads of the signed-in user, by one worker and by two."""
    say(f"Measuring two workers, {rounds} rounds ...")
    cores = machine.processors()
    program = stage.program(SERVICE)
    port = {"METRICS_PORT": str(machine.free_port())}
    other = replace(program, settings={**program.settings, **port})
    one, both, loop, loops = [], [], [], []
    with started(other, cores[1]) as second:
        second.requests = stage.own.requests
        for _ in range(rounds):
            keep_database_on(stage, cores[:1])
            one += load([(stage.own, cores[0])], seconds)
            keep_database_on(stage, cores)
            both.append(sum(load([(stage.own, cores[0]), (second, cores[1])], seconds)))
            loop.append(turns(cores[:1], seconds / 4))
            loops.append(turns(cores, seconds / 4))
        keep_database_on(stage, cores[1:])
    doubled, possible = noise.quotients(both, one), noise.quotients(loops, loop)
    ratio, most = noise.Spread.of(doubled), noise.Spread.of(possible)
    rows = [
        ["1 worker, on 1 core", noise.Spread.of(one).text(0), ""],
        ["2 workers, on 2 cores", noise.Spread.of(both).text(0), ratio.text()],
        ["endless loops, on 2 cores", "", most.text()],
    ]
    return Section(
        "Workers, each with its load on its own core",
        ("of", "`GET /users/me`/s", "ratio to one"),
        rows,
        {"one": one, "both": both, "ratio": ratio.median, "loops' ratio": most.median},
        [
            Bound("two workers on two cores, to one on one", ratio, at_least=AT_LEAST * WORKERS),
            Bound(
                "two workers to one, of two endless loops to one",
                noise.ratios(doubled, possible),
                at_least=AT_LEAST,
            ),
        ],
    )


def load(instances: list[tuple[Contender, int]], seconds: int) -> list[float]:
    """Requests a second of each, loaded at the same time, each load on its instance's core."""
    with ThreadPoolExecutor(len(instances)) as together:
        loads = [
            together.submit(closed_loop.load, one, "me", seconds, core) for one, core in instances
        ]
        return [load.result()["rate"] for load in loads]


def keep_database_on(stage: Stage, cores: Iterable[int]) -> None:
    """Let PostgreSQL, and all its processes, run on these alone."""
    for process in machine.family(stage.postmaster):
        machine.pin(process, cores)


def turns(cores: Sequence[int], seconds: float) -> int:
    """How often endless loops go round, one on each core, at the same time."""
    command = (sys.executable, "-c", LOOP, str(seconds))
    running = [
        subprocess.Popen(machine.on(core, *command), stdout=subprocess.PIPE) for core in cores
    ]
    return sum(int(loop.communicate()[0]) for loop in running)
