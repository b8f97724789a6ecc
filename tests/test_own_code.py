"""The template's own Python is as clean as what it renders."""

import ast
import sys
from pathlib import Path

import pytest

from slipway import ROOT
from tests import conftest
from tests.conftest import check

TOOLS = Path(sys.executable).parent


def test_the_formatter_would_change_nothing() -> None:
    check(TOOLS / "ruff", "format", "--check", "--diff", cwd=ROOT)


def test_the_linter_complains_of_nothing() -> None:
    check(TOOLS / "ruff", "check", cwd=ROOT)


def test_the_types_are_right() -> None:
    check(TOOLS / "mypy", cwd=ROOT)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "extensions").glob("*.py")), ids=lambda path: path.stem
)
def test_an_extension_imports_no_other(path: Path) -> None:
    # During an update Copier has two versions of the template, but keeps a module once imported.
    tree = ast.parse(path.read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    ]
    outside = sys.stdlib_module_names | {"copier", "copier_template_extensions", "jinja2"}
    assert {str(module).partition(".")[0] for module in imported} <= outside


@pytest.mark.parametrize(
    ("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_no_docker_is_a_skip_or_a_failure(
    required: str, outcome: type[BaseException], request: pytest.FixtureRequest
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "docker_is_missing", lambda: "docker is not installed")
        patch.setenv("SLIPWAY_REQUIRE_DOCKER", required)
        request.node.add_marker("docker")
        with pytest.raises(outcome, match="docker is not installed"):
            conftest.pytest_runtest_setup(request.node)


def test_docker_that_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert conftest.docker_is_missing.__wrapped__() == "docker is not installed"
