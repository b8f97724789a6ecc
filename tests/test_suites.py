"""The rendered services' own suites."""

import pytest

from tests.conftest import Render, check, check_tests
from tests.variants import VARIANTS, Variant, with_check

LONG = (
    "tests/api/test_conformance.py",
    "tests/auth/test_login_timing.py",
    "tests/ops/test_database_outage.py",
    "tests/test_random_bytes.py",
    "tests/test_slow_clients.py",
    "tests/tools/checker/test_commands.py",
    "tests/tools/scaffold",
    "tests/tools/sql",
    "tests/tools/test_dev.py",
    "tests/tools/test_postgres.py",
)


def test_what_may_be_left_out_is_there(render: Render) -> None:
    service = render({})
    assert all((service / test).exists() for test in LONG)


def test_what_may_be_left_out_meets_each_api() -> None:
    def api(variant: Variant) -> tuple[object, ...]:
        return tuple(variant.answers[question] for question in ("id_type", "example_resource"))

    assert {api(variant) for variant in with_check("whole")} == {
        api(variant) for variant in VARIANTS
    }
    transports = {variant.answers["auth_transport"] for variant in with_check("whole")}
    assert transports == {"bearer", "cookie"}


@pytest.mark.suite
@pytest.mark.parametrize("variant", with_check("suite"), ids=lambda variant: variant.name)
def test_the_services_own_suite_passes(variant: Variant, render: Render, uv: str) -> None:
    service = render(variant.answers)
    left_out = () if "whole" in variant.checks else [f"--ignore={test}" for test in LONG]
    check_tests(uv, "run", "--quiet", "pytest", "--quiet", *left_out, cwd=service)
    # The server that the suite has used, and its migrated template, are there.
    check(uv, "run", "--quiet", "app", "sql", "check", "--live", "--plans", cwd=service)
