"""`app new resource`: what it refuses, what it shows, and that it writes all or nothing.

What it writes is tested by the tests that it writes.
"""

import re
from pathlib import Path

import pytest

from app.cli.failure import Failure
from tests.support.workspace import tree
from tests.tools.checker.project import Project, copy
from tools.scaffold import changes
from tools.scaffold.fields import KINDS
from tools.scaffold.names import Refusal
from tools.scaffold.resource import plan

FIELDS = ("title:line", "price:numeric?")


@pytest.fixture
def project(tmp_path: Path, server: str) -> Project:
    return copy(tmp_path, server)


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, in which this process is."""
    monkeypatch.chdir(project.folder)
    return project.folder


class TestRefuses:
    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("Books", "take up to 30 lower-case letters"),
            ("book-orders", "take up to 30 lower-case letters"),
            ("_books", "take up to 30 lower-case letters"),
            ("b" * 30 + "s", "take up to 30 lower-case letters"),
            ("class", "'class' is a word of Python: choose another name"),
            ("references", "'references' is a reserved word of SQL: choose another name"),
            ("bytes", "'bytes' is something else in Python"),
            ("sheep", "does not look like a plural: take one, as in books, or say what one of"),
            ("types", "'type' is something else in Python, a built-in: choose another with -"),
            ("warnings", "'Warning' is something else in Python, a built-in: choose another w"),
            ("auth", "app/auth is there already: choose another name"),
            ("pages", "app/pages.py is there already: choose another name"),
        ],
    )
    def test_the_name(self, here: Path, name: str, said: str) -> None:
        with pytest.raises(Refusal, match=re.escape(said)):
            plan(name, FIELDS)

    def test_a_singular_that_means_something_else(self, here: Path) -> None:
        with pytest.raises(Refusal, match="Page would mean two things in app/leaves/routes"):
            plan("leaves", FIELDS, "page")

    def test_a_name_that_has_tests_already(self, here: Path) -> None:
        tests = here / "tests" / "api" / "test_limits.py"
        tests.parent.mkdir(parents=True)
        tests.touch()

        with pytest.raises(Refusal, match="tests/api/test_limits"):
            plan("limits", FIELDS)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ([], "say which fields it has"),
            (["title"], "'title' has no type: write title:line, say; types are line, text, int"),
            (["title:string"], "there is no type 'string'; take one of line, text, int"),
            (["title:line??"], "there is no type 'line?'"),
            (["Title:line"], "take up to 30 lower-case letters"),
            (["order:int"], "'order' is a reserved word of SQL: choose another name"),
            (["class:line"], "'class' is a word of Python: choose another name"),
            (["format:line"], "'format' is something else in Python, a built-in"),
            (["owner_id:uuid"], "'owner_id' is a column that every resource has: leave it out"),
            (["json:text"], "'json' means something else in the code: choose another name"),
            (["db:text"], "'db' means something else in the code: choose another name"),
            (["title:line", "title:text"], "'title' is there twice: leave one of them out"),
        ],
    )
    def test_the_fields(self, here: Path, fields: list[str], said: str) -> None:
        with pytest.raises(Refusal, match=re.escape(said)):
            plan("books", fields)

    def test_as_a_call_that_is_wrong(self, project: Project) -> None:
        before = tree(project.folder)

        done = project.app("new", "resource", "books", "title:string")

        assert done.returncode == 2
        assert "there is no type 'string'" in done.stderr
        assert tree(project.folder) == before

    def test_to_work_in_another_folder(self, project: Project) -> None:
        elsewhere = Project(project.folder / "docs", project.server)
        elsewhere.folder.mkdir()

        done = elsewhere.app("new", "resource", "books", *FIELDS, imported_from=project.folder)

        assert done.returncode == 1
        assert done.stderr == (
            "error: there is no folder migrations/: run this in the project's folder\n"
        )
        assert not list(elsewhere.folder.iterdir())


def test_a_dry_run_shows_everything_and_writes_nothing(project: Project) -> None:
    before = tree(project.folder)

    done = project.app("new", "resource", "books", *FIELDS, "--dry-run")

    assert done.returncode == 0
    assert "\n+++ b/app/books/routes.py\n" in done.stdout
    assert "\n+    price numeric,\n" in done.stdout
    assert "\n--- a/app/api.py\n" in done.stdout
    assert "\n+router.include_router(books.router)\n" in done.stdout
    assert tree(project.folder) == before


def test_what_one_is_called_can_be_said(here: Path) -> None:
    planned = plan("people", FIELDS, "person")

    queries = planned[Path("app") / "people" / "queries.py"]
    assert queries is not None
    assert "class Person:" in queries
    assert "async def list_people(" in queries


@pytest.mark.parametrize(
    ("plural", "name"),
    [
        ("order_items", "OrderItem"),
        ("categories", "Category"),
        ("addresses", "Address"),
        ("boxes", "Box"),
        ("wishes", "Wish"),
        ("houses", "House"),
    ],
)
def test_what_one_is_called_follows_from_the_plural(here: Path, plural: str, name: str) -> None:
    queries = plan(plural, FIELDS)[Path("app") / plural / "queries.py"]

    assert queries is not None
    assert f"class {name}:" in queries


def test_nothing_is_written_where_the_database_refuses_it(project: Project) -> None:
    before = tree(project.folder)

    done = project.app("new", "resource", "sessions", *FIELDS)

    assert done.returncode == 1
    assert 'relation "sessions" already exists' in done.stderr
    assert tree(project.folder) == before


def test_nothing_is_left_behind_where_a_file_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("changed").write_text("old")
    Path("removed").write_text("old")
    before = tree(tmp_path)
    wanted = {
        Path("new") / "folder" / "file": "new",
        Path("changed"): "new",
        Path("removed"): None,
        Path("changed") / "file": "new",
    }

    with pytest.raises(Failure, match="nothing was changed: can't write changed"):
        changes.carry_out(wanted)

    assert tree(tmp_path) == before


def test_the_types_in_the_help_are_those_that_there_are(project: Project) -> None:
    said = " ".join(project.app("new", "resource", "--help").stdout.split())

    assert f"Types: {', '.join(KINDS)}." in said
