"""What revocation at once costs a request, in four designs: python -m benchmarks.revocation"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from benchmarks.results.report import table
from benchmarks.stage import machine, services

ROUNDS: Final = 1000
NAMES: Final = {
    "none": "none: the user alone",
    "epoch": "an epoch on the user",
    "blocklist": "the user, and a blocklist",
    "session": "the session, joined with its user",
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure designs of revocation.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of 50 calls of each design")
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    options = parser.parse_args()
    with services.rendered() as service:
        report = json.loads(service.program("revocation", str(options.rounds)))
    report["machine"] = machine.described()
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(shown(report))


def shown(report: dict[str, Any]) -> str:
    """The numbers for people, as Markdown."""
    rows = [
        (
            NAMES[name],
            f"{design['microseconds']:.0f}",
            f"{design['ratio']:.3f} ± {design['error']:.3f}",
        )
        for name, design in report["designs"].items()
    ]
    columns = ("what is asked", "µs", "ratio to the user alone")
    return f"{table(columns, rows)}\n\n{services.versions(report)}"


if __name__ == "__main__":
    main()
