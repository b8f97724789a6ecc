"""How long a test with a database takes in the rendered suite, set-up and clean-up included."""

import json
from collections.abc import Sequence
from typing import Final

from benchmarks import noise
from benchmarks.contenders import Stage
from benchmarks.noise import Bound
from benchmarks.report import Section
from slipway import say

MILLISECONDS: Final = 40
SHORT: Final = ("tests/api/test_posts.py",)


def measure(stage: Stage, paths: Sequence[str]) -> Section:
    """Run the suite, or some of its paths, one test after the other, in one process."""
    say(f"Measuring the rendered suite{': ' if paths else ''}{', '.join(paths)} ...")
    found = json.loads(stage.service.program("suite_times", *paths).splitlines()[-1])
    milliseconds = [1e3 * seconds for seconds in found["seconds"]]
    spread = noise.Spread.of(milliseconds)
    rows = [
        ["with a database", str(len(milliseconds)), f"{spread.median:.0f}"],
        ["all", str(found["tests"]), ""],
    ]
    return Section(
        "The rendered suite, one test after the other",
        ("tests", "number", "median of one, ms"),
        rows,
        {"median": spread.median, "with a database": len(milliseconds), "tests": found["tests"]},
        [Bound("median of a test with a database, ms", spread, at_most=MILLISECONDS)],
    )
