"""What a call of a query costs over the same by hand: python -m benchmarks.query_call

It may cost 3 % more of the client's processor time. Exits with 1 where it costs more than that by
more than the measurement's own error.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.results.report import table
from benchmarks.stage import machine, services

BOUND: Final = 1.03
ROUNDS: Final = 1000


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure a call of a query.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of 50 calls of each side")
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    options = parser.parse_args()
    with services.rendered() as service:
        report = json.loads(service.program("query_call", str(options.rounds)))
    report["machine"] = machine.described()
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(shown(report))
    slow = [name for name, case in report["cases"].items() if too_slow(case)]
    if slow:
        sys.exit(f"slower than {BOUND:.2f} times the same by hand: {', '.join(slow)}")


def too_slow(case: dict[str, float]) -> bool:
    """Whether the ratio is above the bound beyond its error."""
    return case["ratio"] - case["error"] > BOUND


def shown(report: dict[str, Any]) -> str:
    """The numbers for people, as Markdown."""
    rows = [
        (
            name,
            f"{case['query']:.2f}",
            f"{case['by_hand']:.2f}",
            f"{case['ratio']:.3f} ± {case['error']:.3f}",
        )
        for name, case in report["cases"].items()
    ]
    columns = ("result", "`@query`, µs", "by hand, µs", "ratio")
    return f"{table(columns, rows)}\n\n{services.versions(report)}"


if __name__ == "__main__":
    main()
