"""Runs the service's suite, or the paths given. Prints, as JSON, how long each test took that has a
database of its own: set-up, test and clean-up together.
"""

import json
import sys
from typing import Final

import pytest

DATABASES: Final = {"database", "empty_database"}
"""The fixtures that make one."""


class Times:
    """What the tests with a database take."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.tests = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.tests = len(items)
        for item in items:
            if DATABASES & set(getattr(item, "fixturenames", ())):
                self.seconds[item.nodeid] = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid in self.seconds:
            self.seconds[report.nodeid] += report.duration


def main() -> None:
    times = Times()
    code = pytest.main(["--numprocesses=0", "--quiet", *sys.argv[1:]], plugins=[times])
    if code:
        sys.exit(int(code))
    print(json.dumps({"seconds": list(times.seconds.values()), "tests": times.tests}))


if __name__ == "__main__":
    main()
