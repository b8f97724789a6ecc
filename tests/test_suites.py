"""The rendered services' own suites."""

import os
import subprocess

import pytest

from tests.conftest import Render
from tests.variants import Variant, with_check


@pytest.mark.suite
@pytest.mark.parametrize("variant", with_check("suite"), ids=lambda variant: variant.name)
def test_the_services_own_suite_passes(variant: Variant, render: Render, uv: str) -> None:
    # What this pytest tells its children is not meant for another one.
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [uv, "run", "--quiet", "pytest", "--quiet"],
        cwd=render(variant.answers),
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
