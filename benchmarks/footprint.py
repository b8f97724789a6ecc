"""What a worker takes: memory, and the time until it answers."""

import time
from typing import Final

from benchmarks import machine, noise
from benchmarks.contenders import SERVICE, Stage, started
from benchmarks.noise import Bound, exactly
from benchmarks.report import Section
from benchmarks.throughput import PEER
from slipway import say

MEBIBYTES: Final = 75
START: Final = 0.55
SETTLED: Final = 3
"""Seconds after the load: what is free is given back to the system by then."""


def measure_memory(stage: Stage) -> Section:
    """What is resident before and after all the load so far. Comes after the other measures."""
    time.sleep(SETTLED)
    after = {name: machine.resident(one.process.pid) for name, one in stage.contenders.items()}
    rows = [[name, f"{stage.idle[name]:.0f}", f"{after[name]:.0f}"] for name in after]
    figures = {name: {"idle": stage.idle[name], "after load": after[name]} for name in after}
    most = exactly(after[SERVICE])
    bound = Bound("resident after load, MiB", most, at_most=MEBIBYTES)
    return Section(
        "Memory of a worker", ("of", "idle, MiB", "after load, MiB"), rows, figures, [bound]
    )


def measure_start(stage: Stage, rounds: int) -> Section:
    """From the command to the first answer of 200, on one processor."""
    say(f"Measuring starts, {rounds} rounds ...")
    serving, _ = machine.processors()
    found: dict[str, list[float]] = {program.name: [] for program in stage.programs}
    for _ in range(rounds):
        for program in stage.programs:
            begun = time.perf_counter()
            with started(program, serving):
                found[program.name].append(time.perf_counter() - begun)
    spreads = {name: noise.Spread.of(seconds) for name, seconds in found.items()}
    bounds = []
    if PEER in found:
        ratio = noise.ratios(found[SERVICE], found[PEER])
        bounds.append(Bound(f"start, to that of {PEER}", ratio, at_most=START))
    return Section(
        "From the start to the first answer",
        ("of", "s"),
        [[name, spread.text()] for name, spread in spreads.items()],
        {name: spread.median for name, spread in spreads.items()},
        bounds,
    )
