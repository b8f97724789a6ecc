"""Where the time of a request goes, by layer: python -m benchmarks.profiles [--before COMMIT]

The service is loaded by wrk, and py-spy looks a thousand times a second what it does. A sample
counts for the layer of the innermost function that is of any: what a layer has the standard library
or C code do is its own. Microseconds are that share of the processor time that a request took while
py-spy did not look.
"""

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks.load import closed_loop
from benchmarks.results import report
from benchmarks.stage import contenders
from benchmarks.stage.contenders import BARE, SERVICE, Contender
from slipway import environment, find_uv, say

HERTZ: Final = 1000
WARM_UP: Final = 2
WORKS: Final = {"me": "`GET /users/me`", "page": "a page of 20 posts"}

SERVER: Final = "HTTP and the event loop: uvicorn, httptools, uvloop"
FRAMEWORK: Final = "routing, dependencies: Starlette, FastAPI"
MIDDLEWARE: Final = "the service's middleware"
LOG: Final = "the log: structlog"
METRICS: Final = "metrics: prometheus-client"
TOKEN: Final = "the token and who it is: PyJWT"  # noqa: S105 - a layer's name
DATABASE: Final = "the query: asyncpg"
JSON: Final = "JSON: pydantic, orjson"
HANDLER: Final = "handlers; of bare Starlette, JSON, too"

LAYERS: Final[Mapping[str, str]] = {
    "app/http/protocol.py": SERVER,
    "app/server.py": SERVER,
    "uvicorn/": SERVER,
    "app/http/routing.py": FRAMEWORK,
    "app/http/prepared.py": FRAMEWORK,
    "app/http/shortcuts.py": FRAMEWORK,
    "app/http/json_route.py": FRAMEWORK,
    "app/http/json_writer.py": JSON,
    "fastapi/": FRAMEWORK,
    "starlette/": FRAMEWORK,
    "app/ops/logging.py": LOG,
    "structlog/": LOG,
    "logging/": LOG,
    "app/ops/metrics.py": METRICS,
    "prometheus_client/": METRICS,
    "app/http/": MIDDLEWARE,
    "app/auth/": TOKEN,
    "jwt/": TOKEN,
    "app/db/": DATABASE,
    "<query ": DATABASE,
    "asyncpg/": DATABASE,
    "pydantic": JSON,
    "app/": HANDLER,
    "bare_starlette.py": HANDLER,
}
"""By how the place of a function begins; the first that fits counts."""
ORDER: Final = tuple(dict.fromkeys(LAYERS.values()))


def main() -> None:
    """Profile, and print tables."""
    parser = argparse.ArgumentParser(description="Say where the time of a request goes.")
    parser.add_argument("--before", metavar="COMMIT", help="a commit to compare this one with")
    parser.add_argument("--seconds", type=int, default=10, help="of each load")
    options = parser.parse_args()
    columns: dict[str, dict[str, dict[str, float]]] = {}
    if options.before:
        columns[options.before] = profile(options.before, [SERVICE], options.seconds)[SERVICE]
    columns |= profile("HEAD", [SERVICE, BARE], options.seconds)
    for work, title in WORKS.items():
        measured = {name: found[work] for name, found in columns.items()}
        print(f"\n{table(title, measured)}")


def profile(ref: str, names: Iterable[str], seconds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Microseconds by layer, of each work, of each of these."""
    with contenders.staged({}, everybody=False, ref=ref) as stage:
        return {
            name: {work: by_layer(stage.contenders[name], work, seconds) for work in WORKS}
            for name in names
        }


def by_layer(contender: Contender, work: str, seconds: int) -> dict[str, float]:
    """Microseconds of a request."""
    say(f"Profiling {contender.name}: {WORKS[work]} ...")
    closed_loop.load(contender, work, WARM_UP)
    taken = closed_loop.load(contender, work, seconds)["microseconds"]
    with ThreadPoolExecutor(1) as beside:
        load = beside.submit(closed_loop.load, contender, work, seconds + WARM_UP)
        samples = sampled(contender.process.pid, seconds)
        load.result()
    found = layers(samples)
    return {layer: taken * found[layer] / found.total() for layer in ORDER if found[layer]}


def sampled(process: int, seconds: int) -> str:
    """What py-spy saw: stacks, each with how often, a line each."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as scratch:
        raw = Path(scratch) / "stacks"
        options = ("--format", "raw", "--nonblocking", "--rate", str(HERTZ))
        where = ("--pid", str(process), "--duration", str(seconds), "--output", raw)
        command = (find_uv(), "tool", "run", "py-spy", "record", *options, *where)
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        return raw.read_text()


def layers(samples: str) -> Counter[str]:
    """How many samples there are of each layer, among those of the event loop's thread."""
    found: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, number = line.rpartition(" ")
        places = [frame.rpartition("(")[2] for frame in reversed(stack.split(";"))]
        layer = next(filter(None, map(layer_of, places)), None)
        if layer and any(place.startswith("uvicorn/") for place in places):
            found[layer] += int(number)
    return found


def layer_of(place: str) -> str | None:
    """The layer of a function; none for the standard library's."""
    return next((layer for start, layer in LAYERS.items() if place.startswith(start)), None)


def table(title: str, measured: Mapping[str, Mapping[str, float]]) -> str:
    """Microseconds for people, as Markdown."""
    rows = [
        [layer, *(f"{one.get(layer, 0):.0f}" for one in measured.values())]
        for layer in ORDER
        if any(layer in one for one in measured.values())
    ]
    rows.append(["**all**", *(f"**{sum(one.values()):.0f}**" for one in measured.values())])
    return report.table((f"{title}, µs", *measured), rows)


if __name__ == "__main__":
    main()
