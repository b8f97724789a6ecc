"""Services rendered from earlier commits update to the present, with their users' edits kept."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_copie.plugin import Copie, Result

from tests.conftest import Render, files_in, git
from tests.variants import VARIANTS, Variant

EARLIER = "1a1edc132f1a036d70ee56411bc939a305cdad41"
"""The first commit that renders most of a service."""

CONFLICT = re.compile("^(<<<<<<< before|>>>>>>> after) updating$", re.MULTILINE)


def edit(service: Path) -> None:
    """Do what users do: change files, add some, delete some."""
    readme = service / "README.md"
    readme.write_text(f"{readme.read_text()}\n## On call\n\nJane, then Joe.\n")

    about = service / "app" / "about.py"
    about.write_text(about.read_text().replace("0.1.0", "1.2.0"))

    orders = service / "app" / "orders"
    orders.mkdir()
    (orders / "__init__.py").write_text('"""Orders."""\n')

    (service / "LICENSE").unlink(missing_ok=True)
    (service / "uv.lock").write_text("# Chosen by the user\n")


@pytest.fixture(
    scope="module", params=[VARIANTS[0], VARIANTS[-1]], ids=lambda variant: variant.name
)
def variant(request: pytest.FixtureRequest) -> Variant:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def answers(variant: Variant, template: Path) -> dict[str, Any]:
    """The variant's answers to what the earlier commit asked; the rest is as an update finds it."""
    if subprocess.run(["git", "cat-file", "-e", EARLIER], cwd=template, check=False).returncode:
        pytest.skip(f"this clone is too shallow to hold {EARLIER}")
    asked = yaml.safe_load(git("show", f"{EARLIER}:copier.yml", cwd=template))
    return {name: answer for name, answer in variant.answers.items() if name in asked}


@pytest.fixture(scope="module")
def updated(answers: dict[str, Any], template: Path, copie_session: Copie) -> Path:
    """A service rendered from the earlier commit, edited, and updated."""
    rendered = copie_session.copy(answers, template, EARLIER)
    assert rendered.project_dir, rendered.exception
    service = rendered.project_dir
    git("init", "--quiet", cwd=service)
    commit(service, "Render the service")
    edit(service)
    commit(service, "Make it ours")
    again = copie_session.update(rendered)
    assert again.exception is None
    return service


@pytest.fixture(scope="module")
def wanted(answers: dict[str, Any], render: Render) -> Path:
    """The same edits made to a service of today."""
    service = render(answers)
    edit(service)
    return service


def test_nothing_conflicts(updated: Path) -> None:
    assert not list(updated.rglob("*.rej"))
    assert git("diff", "--name-only", "--diff-filter=U", cwd=updated) == ""
    for path in files_in(updated):
        assert not CONFLICT.search((updated / path).read_text()), path


def test_the_files_are_todays_with_the_edits_kept(updated: Path, wanted: Path) -> None:
    assert files_in(updated) == files_in(wanted)
    for path in files_in(wanted):
        assert (updated / path).read_text() == (wanted / path).read_text()


def test_the_answers_are_the_same(answers: dict[str, Any], updated: Path) -> None:
    remembered = yaml.safe_load((updated / ".copier-answers.yml").read_text())
    assert {key: remembered[key] for key in answers} == answers


def test_a_second_update_changes_nothing(updated: Path, copie_session: Copie) -> None:
    commit(updated, "Update")
    assert copie_session.update(Result(project_dir=updated)).exception is None
    assert git("status", "--porcelain", cwd=updated) == ""


def commit(service: Path, message: str) -> None:
    git("add", "--all", cwd=service)
    git("commit", "--quiet", f"--message={message}", cwd=service)
