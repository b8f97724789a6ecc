"""What revocation at once costs a request, in four designs: python -m benchmarks.revocation"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from benchmarks import machine, services

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
    print(table(report))


def table(report: dict[str, Any]) -> str:
    """The numbers for people, as Markdown."""
    lines = [
        "| what is asked | µs | ratio to the user alone |",
        "| --- | --- | --- |",
        *(
            f"| {NAMES[name]} | {design['microseconds']:.0f}"
            f" | {design['ratio']:.3f} ± {design['error']:.3f} |"
            for name, design in report["designs"].items()
        ),
        "",
        services.versions(report),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
