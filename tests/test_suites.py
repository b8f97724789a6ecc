"""The rendered services' own suites."""

import pytest

from tests.conftest import Render, check, check_tests
from tests.variants import VARIANTS, Variant, with_check

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


def test_what_may_be_left_out_is_there(render: Render) -> None:
    service = render({})
    assert all((service / test).exists() for tests in LONG.values() for test in tests)


def test_what_may_be_left_out_runs_somewhere() -> None:
    suites = {variant.name for variant in with_check("suite")}
    for left_out in LONG:
        assert {variant.name for variant in with_check(left_out)} & suites


def test_made_up_requests_meet_each_api() -> None:
    def api(variant: Variant) -> tuple[object, ...]:
        return tuple(variant.answers[question] for question in ("id_type", "example_resource"))

    assert {api(variant) for variant in with_check("fuzz")} == {
        api(variant) for variant in VARIANTS
    }
    transports = {variant.answers["auth_transport"] for variant in with_check("fuzz")}
    assert transports == {"bearer", "cookie"}


@pytest.mark.suite
@pytest.mark.parametrize("variant", with_check("suite"), ids=lambda variant: variant.name)
def test_the_services_own_suite_passes(variant: Variant, render: Render, uv: str) -> None:
    service = render(variant.answers)
    missing = LONG.keys() - variant.checks
    left_out = [f"--ignore={test}" for check in missing for test in LONG[check]]
    # The workers of this run share the processors already.
    suite = (uv, "run", "--quiet", "pytest", "--quiet", "--numprocesses=1")
    check_tests(*suite, *left_out, cwd=service)
    # The server that the suite has used, and its migrated template, are there.
    check(uv, "run", "--quiet", "app", "sql", "check", "--live", "--plans", cwd=service)
