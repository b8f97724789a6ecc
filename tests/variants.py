"""The list of variants, from variants.toml.

`python -m tests.variants` prints the names of all, and of those whose suite runs in a fresh
service, as the workflow takes them.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from slipway import ROOT

Answers = Mapping[str, Any]

AUTHOR: Final[Answers] = {"author_name": "Jane Doe", "author_email": "jane@example.com"}
"""Else they would be whoever git says is testing."""


@dataclass(frozen=True)
class Variant:
    """One list of answers, and what is checked of it."""

    name: str
    answers: Answers
    checks: frozenset[str]


def _variant(entry: dict[str, Any]) -> Variant:
    name, checks = entry.pop("name"), entry.pop("checks")
    return Variant(name, {**AUTHOR, **entry}, frozenset(checks))


VARIANTS: Final = [
    _variant(entry) for entry in tomllib.loads((ROOT / "variants.toml").read_text())["variant"]
]


def with_check(check: str) -> list[Variant]:
    """The variants that go through this check."""
    return [variant for variant in VARIANTS if check in variant.checks]


FRESH: Final = [variant for variant in with_check("suite") if "updated" not in variant.checks]
"""Those whose suite runs in a service that was rendered today."""


if __name__ == "__main__":
    for output, variants in (("every", VARIANTS), ("fresh", FRESH)):
        names = json.dumps([variant.name for variant in variants])
        print(f"{output}={names}")  # noqa: T201 - what it is called for
