"""The pages on checked SQL: what they show is what is printed, and nothing is left out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import findings, tutorial
from slipway import ROOT
from tests.conftest import Render, check
from tests.variants import Answers

CHECKER = ROOT / "template" / "tools" / "checker"


@pytest.mark.parametrize(
    "answers",
    [{}, {"id_type": "bigserial", "jwt_algorithm": "RS256", "example_resource": False}],
    ids=["defaults", "everything else"],
)
def test_the_tutorial_shows_what_is_printed(answers: Answers, render: Render, tools: Path) -> None:
    page, service = tutorial.PAGE.read_text(), render(answers)

    # Where it differs on purpose: python -m scripts.tutorial
    carried_out = tutorial.replay(page, service, tools / "python")
    assert tutorial.stable(carried_out) == tutorial.stable(page)

    check(tools / "ruff", "format", "--check", ".", cwd=service)
    check(tools / "ruff", "check", ".", cwd=service)
    check(tools / "mypy", cwd=service)


def test_the_findings_are_shown_as_they_are_printed(render: Render, tools: Path) -> None:
    page = findings.PAGE.read_text()

    # Where it differs on purpose: python -m scripts.findings
    printed = findings.with_output(page, render({}), tools / "python")
    assert without_lines(printed) == without_lines(page)


def test_there_is_a_section_on_every_finding() -> None:
    found = {code for path in CHECKER.glob("*.py") for code in codes(ast.parse(path.read_text()))}

    assert findings.codes(findings.PAGE.read_text()) == found


def without_lines(page: str) -> str:
    """Leave out where in a file a finding is: the template's files grow."""
    return re.sub(r":\d+: (error|warning): ", r": \1: ", page)


def codes(module: ast.Module) -> Iterator[str]:
    """The codes that a module of the checker gives its findings."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("_finding", "_about_snapshot"):
                yield from constants(node.args[1:2])
            elif called in ("Finding", "Finding.at"):
                given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                yield from constants([*node.args[:1], *given])
            elif called == "_CODES.get":
                yield from constants(node.args[1:])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_CODES":
            yield from ast.literal_eval(node.value).values()


def constants(expressions: list[ast.expr]) -> Iterator[str]:
    """The strings in these expressions."""
    for expression in expressions:
        for node in ast.walk(expression):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
                yield node.value
