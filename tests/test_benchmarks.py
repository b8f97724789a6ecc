"""The benchmarks run, and their bounds hold."""

import sys
from pathlib import Path

import pytest

from benchmarks import query_call, requests
from slipway import ROOT
from tests.conftest import Render, check

PROGRAMS = sorted((ROOT / "benchmarks" / "programs").glob("*.py"))


def test_the_types_of_what_runs_inside_of_a_service_are_right(render: Render, tools: Path) -> None:
    check(tools / "mypy", *PROGRAMS, cwd=render({}))


@pytest.mark.parametrize(("ratio", "error", "slow"), [(1.05, 0.01, True), (1.05, 0.03, False)])
def test_a_ratio_is_too_high_only_beyond_its_error(ratio: float, error: float, slow: bool) -> None:
    case = {"query": 1.0, "by_hand": 1.0, "ratio": ratio, "error": error}
    assert query_call.too_slow(case) == slow


@pytest.mark.parametrize(("rates", "broken"), [((70, 60), True), ((70, 80), False)])
def test_a_bound_is_broken_where_no_round_reaches_it(
    rates: tuple[float, float], broken: bool
) -> None:
    rounds = {
        requests.SERVICE: [{"rate": rate, "microseconds": 3.0} for rate in rates],
        requests.BARE: [{"rate": 100.0, "microseconds": 2.0}] * 2,
    }

    found = requests.compare(requests.Work("work", "/", bound=0.75), rounds)

    assert found["broken"] == broken
    assert (found["least"], found["greatest"]) == (min(rates) / 100, max(rates) / 100)
    assert found["processor_ratio"] == 1.5


@pytest.mark.slow
def test_a_call_of_a_query_costs_what_it_costs_by_hand() -> None:
    check(sys.executable, "-m", "benchmarks.query_call", "--rounds", "300", cwd=ROOT)


@pytest.mark.slow
def test_two_hundred_queries_are_checked_in_time() -> None:
    # Other tests run beside: what takes a third of the bound when alone has twice the bound here.
    measured = ("benchmarks.sql_check", "--rounds", "3", "--slack", "2")
    check(sys.executable, "-m", *measured, cwd=ROOT)


@pytest.mark.slow
def test_designs_of_revocation_are_compared() -> None:
    check(sys.executable, "-m", "benchmarks.revocation", "--rounds", "20", cwd=ROOT)
