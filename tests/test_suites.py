"""The rendered services' own suites. Those of updated ones are in test_update.py."""

import tomllib
from typing import Final

import pytest

from tests.conftest import Render, check_tests
from tests.test_bounds import LINE, REQUIREMENTS
from tests.variants import FRESH, VARIANTS, Variant, with_check

LONG = {
    "fuzz": (
        "tests/api/test_conformance.py",
        "tests/auth/test_login_timing.py",
        "tests/test_random_bytes.py",
    ),
    "same": (
        "tests/ops/test_database_outage.py",
        "tests/test_slow_clients.py",
        "tests/tools/checker/test_commands.py",
        "tests/tools/scaffold",
        "tests/tools/sql",
        "tests/tools/test_dev.py",
        "tests/tools/test_postgres.py",
        "tests/tools/test_smoke.py",
    ),
}
"""What runs in the variants with the check alone."""

FLOOR: Final = "3.11"
LOWEST: Final = {
    "UV_RESOLUTION": "lowest-direct",
    "UV_PYTHON": FLOOR,
    "UV_PYTHON_DOWNLOADS": "automatic",
}
"""Makes uv take the lowest versions that the bounds of direct dependencies allow, and of Python."""

MET_NOWHERE_ELSE: Final = (
    "tests/api/test_conformance.py::test_a_fault_is_found",
    "tests/tools/test_dev.py::test_starts_with_nothing_reloads_and_leaves_nothing_running",
)
"""Tests of the others' checks that need a package which no other test does."""


def left_out(variant: Variant) -> list[str]:
    """The options by which pytest leaves out what is long of checks that the variant has not."""
    return [f"--ignore={test}" for check in LONG.keys() - variant.checks for test in LONG[check]]


def test_what_may_be_left_out_is_there(render: Render) -> None:
    service = render({})
    assert all((service / test).exists() for tests in LONG.values() for test in tests)


def test_what_may_be_left_out_runs_somewhere() -> None:
    suites = {variant.name for variant in with_check("suite")}
    for check in LONG:
        assert {variant.name for variant in with_check(check)} & suites


def test_made_up_requests_meet_each_api() -> None:
    def api(variant: Variant) -> tuple[object, ...]:
        return tuple(variant.answers[question] for question in ("id_type", "example_resource"))

    assert {api(variant) for variant in with_check("fuzz")} == {
        api(variant) for variant in VARIANTS
    }
    transports = {variant.answers["auth_transport"] for variant in with_check("fuzz")}
    assert transports == {"bearer", "cookie"}


def test_the_lowest_versions_are_of_all_that_any_service_installs(render: Render) -> None:
    [lowest] = with_check("lowest")
    pyproject = (render(lowest.answers) / "pyproject.toml").read_text()
    assert {found["name"] for found in LINE.finditer(pyproject)} == {
        found["name"] for found in REQUIREMENTS
    }
    assert tomllib.loads(pyproject)["project"]["requires-python"] == f">={FLOOR}"


@pytest.mark.suite
@pytest.mark.parametrize("variant", FRESH, ids=lambda variant: variant.name)
def test_the_services_own_suite_passes(variant: Variant, render: Render, uv: str) -> None:
    service = render(variant.answers)
    versions = LOWEST if "lowest" in variant.checks else {}
    # The workers of this run share the processors already.
    suite = (uv, "run", "--quiet", "pytest", "--quiet", "--numprocesses=1")
    check_tests(*suite, *left_out(variant), cwd=service, **versions)
    # The server that the suite has used, and its migrated template, are there.
    live = (uv, "run", "--quiet", "app", "sql", "check", "--live", "--plans")
    check_tests(*live, cwd=service, **versions)


@pytest.mark.suite
@pytest.mark.parametrize("variant", with_check("lowest"), ids=lambda variant: variant.name)
def test_the_lowest_versions_serve_development(variant: Variant, render: Render, uv: str) -> None:
    service = render(variant.answers)
    for command in (
        ("ruff", "format", "--check"),
        ("ruff", "check"),
        ("mypy",),
        ("pytest", "--quiet", "--numprocesses=1", *MET_NOWHERE_ELSE),
    ):
        check_tests(uv, "run", "--quiet", *command, cwd=service, **LOWEST)
    assert 'resolution-mode = "lowest-direct"' in (service / "uv.lock").read_text()
    assert f"version_info = {FLOOR}." in (service / ".venv" / "pyvenv.cfg").read_text()
