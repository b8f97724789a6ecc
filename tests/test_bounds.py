"""The bounds of a service's dependencies: there are two of each, and a narrow one says why.

That services pass with the lowest versions as with the newest is in test_suites.py.
"""

import re
from typing import Final

import pytest

from slipway import ROOT

LINE: Final = re.compile(
    r'^ +"(?P<name>[\w-]+)(\[\w+\])?(?P<bounds>[<=>~][^;"]*)(;[^"]*)?",(?P<reason> # .+)?$',
    re.MULTILINE,
)
PYPROJECT: Final = (ROOT / "template" / "pyproject.toml.jinja").read_text()
REQUIREMENTS: Final = list(LINE.finditer(PYPROJECT))


def test_all_requirements_are_read() -> None:
    assert {"fastapi", "valkey", "opentelemetry-sdk", "pytest", "ruff"} <= {
        requirement["name"] for requirement in REQUIREMENTS
    }


@pytest.mark.parametrize(
    "requirement", REQUIREMENTS, ids=lambda found: found["name"] + (found[2] or "")
)
def test_a_dependency_stops_at_the_next_major_version_or_says_why_before(
    requirement: re.Match[str],
) -> None:
    bounds = re.fullmatch(r">=(\d+)[\d.]*,<([\d.]+)", requirement["bounds"])
    assert bounds, "it has no lower, or no upper bound"
    following = str(int(bounds[1]) + 1)
    assert bounds[2] == following or requirement["reason"]


def test_what_is_one_package_has_the_same_bounds_everywhere() -> None:
    bounds = {(requirement["name"], requirement["bounds"]) for requirement in REQUIREMENTS}
    assert len(bounds) == len({name for name, _ in bounds})
