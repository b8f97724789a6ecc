"""How long it takes from the command to the first answer."""

import time
from collections.abc import Mapping
from typing import Final

from benchmarks.measures.requests import PEER
from benchmarks.results import noise
from benchmarks.results.noise import Bound
from benchmarks.results.report import Section
from benchmarks.stage import machine
from benchmarks.stage.contenders import SERVICE, Stage, started
from slipway import say

START: Final = 0.55


def measure(stage: Stage, rounds: int) -> Section:
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
    return section(passed, spent)


def section(passed: Mapping[str, list[float]], spent: Mapping[str, list[float]]) -> Section:
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
