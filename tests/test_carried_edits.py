"""An update carries users' edits over where the template renames or deletes a file."""

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import git
from tests.updates import commit, edit, render_at, unmerged, update
from tests.variants import AUTHOR

QUESTIONS = """\
contact:
  type: str
  help: Under which address are they reached?
  default: "{{ author_email if author_email is defined else '' }}"

greeting:
  type: str
  help: What does it say first?
  default: Hello
"""
"""One that was author_email, and a new one."""

SHOP = Path("services", "shop")


@pytest.fixture(scope="module")
def later(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the template, one commit ahead, in which all that is hard to follow was done."""
    clone = tmp_path_factory.mktemp("later") / "slipway"
    git("clone", "--quiet", str(template), str(clone), cwd=template)
    app = clone / "template" / "app"
    for old, new in [("background", "jobs"), ("pages", "paging"), ("audit", "trail")]:
        (app / f"{old}.py").rename(app / f"{new}.py")
        edit(app / f"{new}.py", lambda text: text.replace('"""', '"""Renamed. ', 1))
    (app / "fields.py").unlink()
    (app / "answers.py").unlink()
    edit(
        clone / "copier.yml",
        lambda text: re.sub(r"^author_email:\n(  .+\n)+", QUESTIONS, text, flags=re.MULTILINE),
    )
    edit(
        clone / "template" / "pyproject.toml.jinja",
        lambda text: text.replace("author_email", "contact"),
    )
    commit(clone, "Rename and delete files, rename a question, ask another")
    return clone


@pytest.fixture(scope="module")
def repository(later: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which a service from before is a folder, with its users' edits."""
    repository = tmp_path_factory.mktemp("repository")
    git("init", "--quiet", cwd=repository)
    service = repository / SHOP
    render_at("HEAD~1", later, service, {**AUTHOR, "deploy": "kubernetes"})
    for name in ["background.py", "fields.py"]:
        edit(service / "app" / name, lambda text: f"{text}\n\nOURS = 1\n")
    edit(service / "app" / "pages.py", lambda text: text.replace('"""', '"""Ours. ', 1))
    commit(repository, "Render the service, and make it ours")
    return repository


@pytest.fixture(scope="module")
def said(repository: Path) -> str:
    """What the update of that service says."""
    return update(repository / SHOP)


@pytest.fixture
def app(repository: Path, said: str) -> Path:
    """The updated service's package."""
    return repository / SHOP / "app"


def test_edits_come_along_to_a_files_new_name(app: Path, said: str) -> None:
    text = (app / "jobs.py").read_text()
    assert text.startswith('"""Renamed. ')
    assert text.endswith("\n\nOURS = 1\n")
    assert not (app / "background.py").exists()
    assert "app/background.py is app/jobs.py now, and your changes came along.\n" in said


def test_edits_that_meet_the_templates_are_a_conflict_in_the_new_place(
    repository: Path, app: Path, said: str
) -> None:
    text = (app / "paging.py").read_text()
    assert text.startswith('<<<<<<< before updating\n"""Ours. ')
    assert '\n=======\n"""Renamed. ' in text
    assert not (app / "pages.py").exists()
    assert unmerged(repository) == {f"{SHOP}/app/paging.py"}
    assert (
        "app/pages.py is app/paging.py now. Your changes came along, but meet the template's: mend "
        "the marked places, then `git add app/paging.py`.\n" in said
    )


def test_a_conflict_has_its_three_versions_in_git(repository: Path, app: Path) -> None:
    stages = [git("show", f":{stage}:{SHOP}/app/paging.py", cwd=repository) for stage in (1, 2, 3)]
    assert [text.split(maxsplit=1)[0] for text in stages] == [
        '"""Keyset',
        '"""Ours.',
        '"""Renamed.',
    ]


def test_an_edited_file_stays_where_the_template_has_it_no_longer(app: Path, said: str) -> None:
    assert (app / "fields.py").read_text().endswith("\n\nOURS = 1\n")
    assert (
        "app/fields.py is no longer part of the template. You have changed it, so it stays" in said
    )


def test_files_that_nobody_changed_go_without_a_word(app: Path, said: str) -> None:
    assert not (app / "answers.py").exists()
    assert not (app / "audit.py").exists()
    assert len(said.splitlines()) == 3


def test_a_renamed_question_keeps_its_answer_and_a_new_one_takes_its_default(app: Path) -> None:
    answers = yaml.safe_load((app.parent / ".copier-answers.yml").read_text())
    assert answers["contact"] == AUTHOR["author_email"]
    assert answers["greeting"] == "Hello"
    assert "author_email" not in answers


def test_edits_stay_where_an_answer_takes_the_file_away(template: Path, tmp_path: Path) -> None:
    service = tmp_path / "service"
    render_at("HEAD", template, service, {**AUTHOR, "deploy": "kubernetes"})
    manifest = service / "kubernetes" / "service" / "deployment.yaml"
    edit(manifest, lambda text: f"{text}# Ours\n")
    git("init", "--quiet", cwd=service)
    commit(service, "Render the service, and make it ours")

    said = update(service, "--data=deploy=compose")

    assert manifest.read_text().endswith("# Ours\n")
    assert said.startswith("kubernetes/service/deployment.yaml is no longer part of the template.")
    assert list(manifest.parent.iterdir()) == [manifest]
