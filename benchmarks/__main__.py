"""All that has a number, in one run: python -m benchmarks [--short] [--peer NAME=PATH]

Renders the service, or the variant that is named, starts it on an embedded PostgreSQL beside
whoever it is compared with, measures it, and prints tables in Markdown. Exits with 1 where a figure
is on the wrong side of its bound by more than its own noise.
"""

import argparse
import json
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.measures import (
    image,
    logins,
    memory,
    mix,
    rendering,
    requests,
    sql,
    start,
    suite,
    telemetry,
    workers,
)
from benchmarks.peers import PEERS
from benchmarks.peers.adapter import Peer
from benchmarks.results import plot, report
from benchmarks.results.report import Section
from benchmarks.stage import contenders
from benchmarks.stage.contenders import Stage
from benchmarks.stage.machine import TooSmallError
from slipway import say
from tests.variants import VARIANTS, Variant

DEFAULT: Final = Variant("the default service", {}, frozenset())
Measure = Callable[[Stage], Section]

FULL: Final[Mapping[str, Measure]] = {
    "requests": lambda stage: requests.measure(stage, requests.WORKS, rounds=5, seconds=2),
    "mix": lambda stage: mix.measure(stage, rounds=3, seconds=10),
    "logins": lambda stage: logins.measure(stage, rounds=5, seconds=6),
    "workers": lambda stage: workers.measure(stage, rounds=9, seconds=2),
    "telemetry": lambda stage: telemetry.measure(stage, rounds=15, seconds=1),
    "memory": memory.measure,
    "start": lambda stage: start.measure(stage, rounds=15),
    "rendering": lambda _: rendering.measure(rounds=7),
    "suite": lambda stage: suite.measure(stage, suite.API),
    "image": image.measure,
    "sql": lambda stage: sql.section(stage.service, rounds=3),  # adds queries: the last
}
SHORT: Final[Mapping[str, Measure]] = {
    "requests": lambda stage: requests.measure(
        stage, requests.WORKS[: len(requests.SHORT)], rounds=4, seconds=1
    ),
    "logins": lambda stage: logins.measure(stage, rounds=4, seconds=2),
    "workers": lambda stage: workers.measure(stage, rounds=3, seconds=1),
    "memory": memory.measure,
    "start": lambda stage: start.measure(stage, rounds=3),
    "rendering": lambda _: rendering.measure(rounds=3),
    "suite": lambda stage: suite.measure(stage, suite.ACCOUNTS),
}
"""The bounds, in less than 90 seconds: fewer rounds, and nobody whom no bound is held against."""


def main() -> None:
    """Measure, and print what was found."""
    options = parse()
    chosen = choose(options.only, short=options.short)
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed (Debian, Ubuntu: apt install {package}).")
    # Whoever ends this ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()
    try:
        with contenders.staged(
            dict(options.peer), everybody=not options.short, answers=options.variant.answers
        ) as stage:
            environment = f"{options.variant.name}; {contenders.versions(stage)}"
            sections, failed = run(chosen, stage)
            notes = stage.notes
    except TooSmallError as error:
        sys.exit(f"{error}.")
    say(f"Done in {time.monotonic() - started:.0f} seconds.")
    print("\n\n".join([report.markdown(sections.values(), environment), *notes]))
    written = report.as_json(sections, environment)
    if options.json:
        options.json.write_text(json.dumps(written, indent=2) + "\n")
    if options.plot and "requests" in sections:
        options.plot.write_text(plot.of_requests(written["measures"]["requests"]))
    if failed:
        sys.exit(f"Could not be measured, see above: {', '.join(failed)}.")
    if broken := [bound.what for one in sections.values() for bound in one.bounds if bound.broken]:
        sys.exit(f"Bounds that are broken: {'; '.join(broken)}.")


def run(chosen: Mapping[str, Measure], stage: Stage) -> tuple[dict[str, Section], list[str]]:
    """What was measured, and what could not be: it takes nothing of the rest with it."""
    sections: dict[str, Section] = {}
    failed = []
    for name, measure in chosen.items():
        try:
            sections[name] = measure(stage)
        except TooSmallError:
            raise
        except (Exception, SystemExit) as error:
            traceback.print_exception(error)
            failed.append(name)
    return sections, failed


def choose(only: Sequence[str] | None, *, short: bool) -> Mapping[str, Measure]:
    """What to measure, in order: all, those of the short mode, or those named, short where they
    can be.
    """
    if only:
        measures = {**FULL, **SHORT} if short else FULL
        return {name: measure for name, measure in measures.items() if name in only}
    return SHORT if short else FULL


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the rendered service."
    )
    parser.add_argument("--short", action="store_true", help="what has a bound, within 90 seconds")
    parser.add_argument(
        "--only",
        action="append",
        choices=FULL,
        metavar="MEASURE",
        help=f"one of {', '.join(FULL)}; may be given several times",
    )
    parser.add_argument(
        "--variant",
        type=variant,
        default=DEFAULT,
        metavar="NAME",
        help="the service to render, by its name in variants.toml",
    )
    parser.add_argument(
        "--peer",
        action="append",
        type=peer,
        default=[],
        metavar="NAME=PATH",
        help=f"a peer's sources, to compare with it: {', '.join(PEERS)}",
    )
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    parser.add_argument("--plot", type=Path, help="a file to draw the requests to, in SVG")
    options = parser.parse_args(arguments)
    if options.plot and options.only and "requests" not in options.only:
        parser.error("--plot draws the measure requests, which --only leaves out")
    return options


def variant(name: str) -> Variant:
    """Read the name of a variant."""
    for one in VARIANTS:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in VARIANTS)
    raise argparse.ArgumentTypeError(f"{name} is none of {names}")


def peer(text: str) -> tuple[str, Peer]:
    """Read ``NAME=PATH``."""
    name, _, path = text.partition("=")
    if name not in PEERS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(PEERS)}")
    source = Path(path).absolute()
    if not path or not source.is_dir():
        raise argparse.ArgumentTypeError(f"{path or 'nothing'} is no folder with {name}'s sources")
    return name, PEERS[name](source)


if __name__ == "__main__":
    main()
