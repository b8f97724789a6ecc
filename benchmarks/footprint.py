"""What a worker takes: memory, and the time until it answers."""

import time
from collections.abc import Mapping
from typing import Final

from benchmarks import machine, noise
from benchmarks.contenders import SERVICE, Stage, started
from benchmarks.noise import Bound, exactly
from benchmarks.report import Section
from benchmarks.throughput import PEER
from slipway import say

MEBIBYTES: Final = 75
START: Final = 0.55
SETTLED: Final = 2
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
    """From the command to the first answer of 200, on one processor, in an order that turns."""
    say(f"Measuring starts, {rounds} rounds ...")
    serving, asking = machine.processors()
    passed: dict[str, list[float]] = {program.name: [] for program in stage.programs}
    spent: dict[str, list[float]] = {program.name: [] for program in stage.programs}
    with machine.pinned(asking):  # asking again and again takes a processor's time, too
        for number in range(rounds):
            for program in noise.turned(stage.programs, number):
                begun = time.perf_counter()
                with started(program, serving) as contender:
                    passed[program.name].append(time.perf_counter() - begun)
                    spent[program.name].append(machine.processor_seconds(contender.process.pid))
    return starts(passed, spent)


def starts(passed: Mapping[str, list[float]], spent: Mapping[str, list[float]]) -> Section:
    """The seconds that starts took, and those of processor time in them."""
    rows = []
    figures = {}
    bounds = []
    for name in passed:
        ratio = noise.ratios(passed[SERVICE], passed[name])
        seconds, of_processor = noise.Spread.of(passed[name]), noise.Spread.of(spent[name])
        compared = ratio.text() if name != SERVICE else ""
        rows.append([name, seconds.text(), of_processor.text(), compared])
        figures[name] = {
            "seconds": seconds.median,
            "of processor time": of_processor.median,
            "service's ratio": ratio.median,
        }
        if name == PEER:
            bounds.append(Bound(f"start, to that of {PEER}", ratio, at_most=START))
    columns = ("of", "s", "of processor time, s", "the service's ratio to it")
    return Section("From the start to the first answer", columns, rows, figures, bounds)
