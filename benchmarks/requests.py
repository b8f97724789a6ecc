"""How many requests a service answers, beside bare Starlette: python -m benchmarks.requests

One worker on one processor, with every feature that production has; PostgreSQL and the load, by
wrk, on another. Rounds are interleaved: what else the machine does is done to all. Reported
are medians and ratios of one run: requests a second, and the processor time that one takes, which
tells the same story and minds other programs less. Exits with 1 where a bound is broken.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import services
from benchmarks.services import Service
from slipway import say

WRK: Final = Path(__file__).parent / "wrk.lua"
CONNECTIONS: Final = 16
POSTS: Final = 200
LOG: Final = "log"
ISSUER: Final = "benchmark"
SERVICE: Final = "the service"
BARE: Final = "bare Starlette"
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked, over and over."""

    name: str
    path: str
    signed_in: bool = False
    bound: float | None = None
    """The least that the service answers for each request that bare Starlette does."""


WORKS: Final = (
    Work("`GET /users/me`", "/api/v1/users/me", signed_in=True, bound=0.75),
    Work("a page of 20 posts", "/api/v1/posts", bound=0.70),
    Work("`GET /livez`", "/livez"),
)


@dataclass(slots=True)
class Contender:
    """A program that answers, and what was measured of it."""

    name: str
    url: str
    process: subprocess.Popen[str]
    measured: dict[str, list[dict[str, float]]] = field(default_factory=dict)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure requests a second.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5, help="of each work in each round")
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk makes the load and is not installed (Debian, Ubuntu: apt install wrk).")
    with services.rendered() as service, ExitStack() as stack:
        contenders, token = start(service, stack)
        say(f"Measuring, {options.rounds} rounds ...")
        measure(contenders, token, options.rounds, options.seconds)
        report = compared(contenders)
    report["machine"] = services.machine()
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(table(report))
    if broken := [line for line in report["works"] if line["broken"]]:
        sys.exit(f"Under its bound: {', '.join(line['work'] for line in broken)}.")


def start(service: Service, stack: ExitStack) -> tuple[list[Contender], str]:
    """Start the database and those who are compared. Returns them and a user's token."""
    serving, loading = processors()
    service.install("orjson")
    service.app("init")
    database = stack.enter_context(
        running(service.command("database"), service.folder, {}, loading)
    )
    settings = {
        "DATABASE_URL": first_line(database),
        "JWT_KEYS_FILE": str(service.folder / "secrets" / "jwt_keys"),
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": ISSUER,
        "REGISTER_LIMIT": "1000 per minute",
        "DATABASE_POOL_MIN_SIZE": "10",
        "METRICS_PORT": str(free_port()),
    }
    commands = {
        SERVICE: (service.bin / "app", "serve", "--port"),
        BARE: service.command("bare_starlette"),
    }
    contenders = []
    for name, command in commands.items():
        port = free_port()
        process = stack.enter_context(
            running((*command, str(port)), service.folder, settings, serving)
        )
        url = f"http://127.0.0.1:{port}"
        wait_for(name, f"{url}/livez", process, service.folder / LOG)
        contenders.append(Contender(name, url, process))
    return contenders, sign_up(contenders[0].url)


def sign_up(url: str) -> str:
    """Register somebody who writes posts. Returns their access token."""
    account = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}
    post(f"{url}/api/v1/auth/register", account)
    del account["name"]
    token: str = post(f"{url}/api/v1/auth/login", account)["access_token"]
    for number in range(POSTS):
        written = {"title": f"Post {number}", "body": "What somebody had to say. " * 8}
        post(f"{url}/api/v1/posts", written, {"Authorization": f"Bearer {token}"})
    return token


def post(url: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
    """Send JSON and return the answer's. Fails where the answer is an error."""
    request = urllib.request.Request(  # noqa: S310 - to a server of our own
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def measure(contenders: list[Contender], token: str, rounds: int, seconds: float) -> None:
    """Load each contender with each work in each round, in an order that turns."""
    order = list(contenders)
    for _ in range(rounds):
        order.append(order.pop(0))
        for work in WORKS:
            for contender in order:
                found = load(contender, work, token, seconds)
                contender.measured.setdefault(work.name, []).append(found)


def load(contender: Contender, work: Work, token: str, seconds: float) -> dict[str, float]:
    """Requests a second, their latencies, and the processor time of one in microseconds."""
    _, loading = processors()
    header = ("--header", f"Authorization: Bearer {token}") if work.signed_in else ()
    before = processor_seconds(contender.process.pid)
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
            *("--duration", f"{seconds:g}s", "--script", WRK, *header),
            contender.url + work.path,
        ],
        check=True,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: pin(loading),
    )
    spent = processor_seconds(contender.process.pid) - before
    counted = json.loads(done.stdout.decode().splitlines()[-1])
    if counted["failed"]:
        raise SystemExit(f"{contender.name}: {counted['failed']} requests failed of {work.name}.")
    return {
        "rate": counted["requests"] / counted["seconds"],
        "microseconds": 1e6 * spent / counted["requests"],
        "p50": counted["p50"],
        "p99": counted["p99"],
    }


def compared(contenders: Sequence[Contender]) -> dict[str, Any]:
    """The medians of each work, and the service's ratio to bare Starlette."""
    return {
        "works": [
            compare(work, {one.name: one.measured[work.name] for one in contenders})
            for work in WORKS
        ]
    }


def compare(work: Work, found: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """One work's figures. A bound is broken where no round, however quiet, has reached it."""
    rates = ratios(found, "rate")
    return {
        "work": work.name,
        "bound": work.bound,
        "ratio": statistics.median(rates),
        "least": min(rates),
        "greatest": max(rates),
        "processor_ratio": statistics.median(ratios(found, "microseconds")),
        "broken": work.bound is not None and max(rates) < work.bound,
        "medians": {
            name: {figure: statistics.median(one[figure] for one in rounds) for figure in rounds[0]}
            for name, rounds in found.items()
        },
    }


def ratios(found: Mapping[str, Sequence[Mapping[str, float]]], figure: str) -> list[float]:
    """The service's to bare Starlette's, of each round."""
    pairs = zip(found[SERVICE], found[BARE], strict=True)
    return [service[figure] / bare[figure] for service, bare in pairs]


def table(report: Mapping[str, Any]) -> str:
    """The numbers for people, as Markdown."""
    lines = [
        "| work | of | requests/s | processor, µs | p50, ms | p99, ms | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for work in report["works"]:
        for name, median in work["medians"].items():
            ratio = f"{work['ratio']:.2f} ({work['least']:.2f} to {work['greatest']:.2f})"
            lines.append(
                f"| {work['work']} | {name} | {median['rate']:.0f} | {median['microseconds']:.0f}"
                f" | {median['p50']:.1f} | {median['p99']:.1f}"
                f" | {ratio if name == SERVICE else ''} |"
            )
    return "\n".join([*lines, "", report["machine"]])


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, settings: Mapping[str, str], processor: int
) -> Iterator[subprocess.Popen[str]]:
    """Run a program on one processor, and end it. What it logs is kept beside the service."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), **settings}
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=log if settings else subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=lambda: pin(processor),
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def processors() -> tuple[int, int]:
    """That of the server, and that of PostgreSQL and the load."""
    usable = sorted(os.sched_getaffinity(os.getppid()))
    if len(usable) < 2:
        sys.exit("this needs two processors: one for the server, one for the load.")
    return usable[0], usable[1]


def pin(processor: int) -> None:
    """Keep this process, and those that it starts, on one processor."""
    os.sched_setaffinity(0, {processor})


def processor_seconds(process: int) -> float:
    """What a process has used so far (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def first_line(process: subprocess.Popen[str]) -> str:
    """What a program prints first."""
    return process.stdout.readline().strip() if process.stdout else ""


def wait_for(name: str, url: str, process: subprocess.Popen[str], log: Path) -> None:
    """Return once ``url`` answers. Fails where the process has ended before."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - a server of our own
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{name} ended with {process.returncode}:\n{log.read_text()}")


if __name__ == "__main__":
    main()
