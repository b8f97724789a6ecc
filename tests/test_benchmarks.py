"""The benchmarks run, and their bounds hold."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from benchmarks import profiles, query_call
from benchmarks.__main__ import FULL, SHORT, choose, parse, run
from benchmarks.load import sender
from benchmarks.measures import requests, start, telemetry
from benchmarks.results import noise, plot
from benchmarks.results.noise import Bound, Spread
from benchmarks.results.report import Section
from benchmarks.stage.contenders import BARE, SERVICE
from slipway import ROOT, say
from tests.conftest import Render, check

PROGRAMS = ROOT / "benchmarks" / "programs"


def test_the_types_of_what_runs_inside_of_a_service_are_right(render: Render, tools: Path) -> None:
    programs = sorted(PROGRAMS.glob("*.py"))
    mypy = ("env", f"MYPYPATH={PROGRAMS}", tools / "mypy", "--explicit-package-bases")
    check(*mypy, *programs, cwd=render({}))


@pytest.mark.parametrize(("ratio", "error", "slow"), [(1.05, 0.01, True), (1.05, 0.03, False)])
def test_a_ratio_is_too_high_only_beyond_its_error(ratio: float, error: float, slow: bool) -> None:
    case = {"query": 1.0, "by_hand": 1.0, "ratio": ratio, "error": error}
    assert query_call.too_slow(case) == slow


@pytest.mark.parametrize(
    ("rounds", "state"),
    [
        ([0.60, 0.61, 0.62, 0.61, 0.60], "**broken**"),
        ([0.60, 0.80, 0.71, 0.78, 0.65], "within the noise"),
        ([0.80, 0.81, 0.80, 0.82, 0.81], "holds"),
    ],
)
def test_a_bound_is_broken_only_by_more_than_the_noise_of_its_rounds(
    rounds: list[float], state: str
) -> None:
    assert Bound("at least", Spread.of(rounds), at_least=0.75).state() == state
    mirrored = [1.5 - one for one in rounds]
    assert Bound("at most", Spread.of(mirrored), at_most=0.75).state() == state


def test_ratios_are_those_of_each_round() -> None:
    # The machine was half as fast in the second round, for both.
    ratio = noise.ratios([800, 400, 800], [1000, 500, 1000])

    assert (ratio.median, ratio.least, ratio.greatest, ratio.error) == (0.8, 0.8, 0.8, 0)


def test_everybody_comes_first_in_one_round() -> None:
    rounds = [noise.turned("abc", number) for number in range(4)]
    assert ["".join(order) for order in rounds] == ["abc", "bca", "cab", "abc"]


def test_a_contender_is_compared_in_one_run() -> None:
    rounds = {
        SERVICE: [{"rate": 70.0, "microseconds": 3.0}, {"rate": 80.0, "microseconds": 3.0}],
        BARE: [{"rate": 100.0, "microseconds": 2.0}] * 2,
    }
    work = requests.Work("me", "`GET /users/me`", {BARE: 0.9})

    section = requests.section([work], {"me": rounds})

    compared = section.figures["me"][BARE]
    assert compared["service's ratio"] == 0.75
    assert compared["service's ratio by processor time"] == pytest.approx(2 / 3)
    [bound] = section.bounds
    assert (bound.at_least, bound.measured.least, bound.measured.greatest) == (0.9, 0.7, 0.8)


def test_a_start_is_compared_in_one_round_with_that_of_the_peer() -> None:
    # The machine was half as fast in the second round, for both.
    passed = {SERVICE: [0.5, 1.0, 0.5], requests.PEER: [1.0, 2.0, 1.0]}
    spent = {SERVICE: [0.4, 0.4, 0.4], requests.PEER: [0.8, 0.9, 0.8]}

    section = start.section(passed, spent)

    assert section.figures[requests.PEER] == {
        "seconds": 1.0,
        "of processor time": 0.8,
        "service's ratio": 0.5,
    }
    [bound] = section.bounds
    assert (bound.at_most, bound.measured.least, bound.measured.greatest) == (0.55, 0.5, 0.5)


def test_telemetry_is_compared_in_one_round_with_none() -> None:
    # The machine was half as fast in the second round, for both.
    without = [{"rate": 100.0, "microseconds": 2.0}, {"rate": 50.0, "microseconds": 4.0}]
    off = [{"rate": 90.0, "microseconds": 4.0}, {"rate": 45.0, "microseconds": 8.0}]
    found = {telemetry.WITHOUT: without, telemetry.OFF: off}

    section = telemetry.section(found, dict.fromkeys(found, 60.0))

    compared = section.figures[telemetry.OFF]
    assert (compared["ratio"], compared["ratio by processor time"]) == (0.9, 0.5)
    [bound] = section.bounds
    assert (bound.at_least, bound.measured.median, bound.broken) == (0.97, 0.9, True)


@asynccontextmanager
async def slow_server(seconds: float) -> AsyncIterator[str]:
    """Answers one request at a time, over all connections, each after some seconds."""
    turn = asyncio.Lock()
    answering = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            while await reader.read(4096):
                async with turn:
                    await asyncio.sleep(seconds)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        for task in filter(None, answering):
            task.cancel()
        await asyncio.gather(*filter(None, answering), return_exceptions=True)


def sent(answered_after: float, **plan: Any) -> dict[str, float]:
    """What came of a plan with one kind of requests, to a server of that slowness."""

    async def run() -> dict[str, Any]:
        kinds: dict[str, Any] = {"any": {"path": "/", "headers": {}, "body": "{}"}}
        async with slow_server(answered_after) as url:
            return await sender.Load({"url": url, "kinds": kinds, **plan}).run()

    found: dict[str, float] = sender.run(run())["any"]
    return found


def test_requests_that_are_due_count_while_the_server_lags_behind() -> None:
    # Ten times what the server can answer: whoever asked only after an answer saw 20 ms.
    found = sent(0.02, shares={"any": 1}, rate=500, seconds=0.1)

    assert (found["count"], found["failed"]) == (50, 0)
    # The last is due after 100 ms and answered after a second at least.
    assert found["most"] > 800
    assert found["p50"] > 400


def test_a_request_without_an_answer_at_the_end_counts_with_its_wait() -> None:
    found = sent(30, shares={}, rate=0, seconds=0.2, beside={"any": 2})

    assert found["count"] == 0
    assert found["most"] >= 190


def test_the_plot_shows_each_contender_as_long_as_it_is_fast() -> None:
    measured = {"me": {SERVICE: {"rate": 750.0}, BARE: {"rate": 1000.0}}}

    drawn = ElementTree.fromstring(plot.of_requests(measured))  # noqa: S314 - our own

    bars = drawn.findall("{http://www.w3.org/2000/svg}rect")
    lengths = [float(bar.attrib["width"]) for bar in bars]
    assert lengths[0] / lengths[1] == pytest.approx(0.75, abs=0.01)
    assert [bar.attrib["class"] for bar in bars] == ["own", "bar"]


ME: Final = f"`GET /users/me`, of {BARE}"
PAGE: Final = f"a page of 20 posts, of {BARE}"
MEMORY: Final = "resident after load, MiB"
REQUESTS: Final = {ME, PAGE}
STEADY: Final = REQUESTS | {MEMORY}
"""The bounds that tests run beside don't disturb by more than the noise that is measured."""

OF_THE_MACHINE: Final = {
    "median of a test with a database, ms",
    "two workers on two cores, to one on one",
}
"""What another machine breaks: a time that is no ratio, and what supposes that two processors are
two cores. What these are is measured, and two workers are held to that.
"""

SHORT_RUN: Final = (
    STEADY
    | OF_THE_MACHINE
    | {
        "p99 of reads beside logins, to that of reads alone",
        "slowest login at full load of reads, s",
        "two workers to one, of two endless loops to one",
        "rendering, to that of an empty template",
    }
)
"""The bounds of a short run that needs no peer."""

ALONE: Final = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1") == "1"
PEER: Final = os.environ.get("SLIPWAY_PEER")
"""A folder with full-stack-fastapi-template's sources, against which there are bounds, too."""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize(
    ("options", "measured"),
    [
        ((), SHORT_RUN),
        # Other ids, keys and counts of attempts than the default service's.
        (("--variant=bigserial-rs256-distroless", "--only=requests"), REQUESTS),
    ],
    ids=["default", "bigserial-rs256"],
)
def test_the_bounds_hold(
    options: Sequence[str], measured: set[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Those that no other machine breaks; beside other tests, those that these don't disturb."""
    broken = _broken(tmp_path, options, measured)
    for _ in range(2):  # twice more at most: a neighbour may come and go between two rounds
        if broken:
            with capfd.disabled():
                say(f"Broken, and measured again: {'; '.join(sorted(broken))}.")
            broken &= _broken(tmp_path, options, measured)

    assert not broken


def _broken(folder: Path, options: Sequence[str], measured: set[str]) -> set[str]:
    """The bounds that were broken in a short run, of those that are held here. It has to have
    measured some, or it would hold nothing.
    """
    numbers = folder / "numbers.json"
    peers = [f"--peer=full-stack-fastapi-template={PEER}"] if PEER else []
    short = ("--short", f"--json={numbers}", *peers, *options)
    command = (sys.executable, "-m", "benchmarks", *short)
    done = subprocess.run(command, cwd=ROOT, check=False)  # what it prints, pytest shows
    bounds = json.loads(numbers.read_text())["bounds"]
    assert {bound["what"] for bound in bounds} >= measured
    broken = {bound["what"] for bound in bounds if bound["broken"]}
    assert (done.returncode == 0) == (not broken)
    return broken - OF_THE_MACHINE if ALONE else broken & STEADY


def test_a_measure_that_fails_takes_nothing_of_the_others_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> Section:
        raise LookupError("the process is gone")

    section = Section("A measure", ("of",), [["it"]], {})
    stage: Any = None

    measured, failed = run({"one": fail, "two": lambda _: section}, stage)

    assert (measured, failed) == ({"two": section}, ["one"])
    assert "the process is gone" in capsys.readouterr().err


def test_what_is_measured_alone_is_measured_short_where_it_can_be() -> None:
    assert list(choose(["sql", "requests"], short=True).items()) == [
        ("requests", SHORT["requests"]),
        ("sql", FULL["sql"]),
    ]
    assert choose(None, short=True) == SHORT
    assert choose(None, short=False) == FULL


def test_each_measure_is_found_by_its_name() -> None:
    files = (ROOT / "benchmarks" / "measures").glob("[a-z]*.py")
    assert {file.stem for file in files} == set(FULL)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--peer", "nobody=."), "nobody is none of full-stack-fastapi-template"),
        (("--peer", "s3rius-fastapi-template=/nowhere"), "/nowhere is no folder"),
        (("--plot", "x.svg", "--only", "sql"), "--plot draws the measure requests"),
        (("--variant", "nothing"), "nothing is none of uuidv7-hs256-distroless, "),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    given: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(given)

    assert refused.value.code == 2
    assert said in capsys.readouterr().err


def test_a_sample_counts_for_the_layer_of_the_innermost_function() -> None:
    server = "run (uvicorn/server.py:86)"
    samples = [
        f"{server};__call__ (app/http/time_limit.py:21);timeout (asyncio/timeouts.py:9) 3",
        f"{server};info (structlog/stdlib.py:7);iterencode (json/encoder.py:5) 2",
        f"{server};find (<query auth.find_session_user>:1);fetch (app/db/database.py:3) 4",
        f"{server};run (asyncio/runners.py:118) 1",
        "_worker (concurrent/futures/thread.py:81);hash (app/auth/passwords.py:99) 50",
    ]

    found = profiles.layers("\n".join(samples))

    assert found == {
        profiles.MIDDLEWARE: 3,
        profiles.LOG: 2,
        profiles.DATABASE: 4,
        profiles.SERVER: 1,
    }


@pytest.mark.slow
def test_a_call_of_a_query_costs_what_it_costs_by_hand() -> None:
    check(sys.executable, "-m", "benchmarks.query_call", "--rounds", "300", cwd=ROOT)


@pytest.mark.slow
def test_two_hundred_queries_are_checked_in_time() -> None:
    # Other tests run beside: what takes a third of the bound when alone has twice the bound here.
    measured = ("benchmarks.measures.sql", "--rounds", "3", "--slack", "2")
    check(sys.executable, "-m", *measured, cwd=ROOT)


@pytest.mark.slow
def test_designs_of_revocation_are_compared() -> None:
    check(sys.executable, "-m", "benchmarks.revocation", "--rounds", "20", cwd=ROOT)
