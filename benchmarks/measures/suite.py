"""How long a test with a database takes in the rendered suite, set-up and clean-up included.

On one processor, with its PostgreSQL, as each of several workers has it that test at the same time.
"""

import json
from collections.abc import Sequence
from typing import Final

from benchmarks.results import noise
from benchmarks.results.noise import Bound
from benchmarks.results.report import Section
from benchmarks.stage import machine
from benchmarks.stage.contenders import Stage
from slipway import say

MILLISECONDS: Final = 40
API: Final = ("tests/api",)
"""The most of the tests with a database, and none that waits for something on purpose."""
ACCOUNTS: Final = ("tests/api/test_my_account.py", "tests/api/test_refresh.py")
"""A few of these, in every service, that take as long as most."""


def measure(stage: Stage, paths: Sequence[str]) -> Section:
    """Run some of the suite, one test after the other, in one process."""
    part = ", ".join(paths)
    say(f"Measuring the rendered suite: {part} ...")
    _, testing = machine.processors()
    with machine.pinned(testing):
        printed = stage.service.program("suite_times", *paths)
    found = json.loads(printed.splitlines()[-1])
    milliseconds = [1e3 * seconds for seconds in found["seconds"]]
    spread = noise.Spread.of(milliseconds)
    rows = [
        ["with a database", str(len(milliseconds)), f"{spread.median:.0f}"],
        ["all", str(found["tests"]), ""],
    ]
    return Section(
        f"The rendered suite's `{part}`, one test after the other",
        ("tests", "number", "median of one, ms"),
        rows,
        {"median": spread.median, "with a database": len(milliseconds), "tests": found["tests"]},
        [Bound("median of a test with a database, ms", spread, at_most=MILLISECONDS)],
    )
