"""What a worker has in memory, before and after all the load."""

import time
from typing import Final

from benchmarks.results.noise import Bound, exactly
from benchmarks.results.report import Section
from benchmarks.stage import machine
from benchmarks.stage.contenders import SERVICE, Stage

MEBIBYTES: Final = 75
SETTLED: Final = 2
"""Seconds after the load: what is free is given back to the system by then."""


def measure(stage: Stage) -> Section:
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
