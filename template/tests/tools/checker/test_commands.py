"""The commands, on a project that changes under them."""

import json
from pathlib import Path

import pytest

from tests.tools.checker import project
from tests.tools.checker.project import HEADER, MIGRATION, QUERIES, SCHEMA, Project

TITLES = """
@query("SELECT title FROM books")
async def titles(db: Db) -> list[str]: ...
"""
PRICES = """
@query("SELECT price FROM books")
async def prices(db: Db) -> list[decimal.Decimal]: ...
"""


@pytest.fixture
def prepared(tmp_path: Path, server: str) -> Project:
    """A project with one query of books, and a snapshot."""
    made = project.make(tmp_path, server, TITLES)
    assert made.sql("prepare").returncode == 0
    return made


def codes(prepared: Project, *arguments: str) -> list[tuple[str, str]]:
    """Code and file of every finding."""
    return [
        (finding["code"], Path(finding["file"]).name) for finding in prepared.findings(*arguments)
    ]


def test_a_prepared_project_is_clean_offline_and_live(prepared: Project) -> None:
    for arguments in ([], ["--live"]):
        checked = prepared.sql("check", *arguments)

        assert checked.returncode == 0, checked.stdout
        assert checked.stdout == ""
        assert "no errors, no warnings" in checked.stderr.splitlines()[-1]


def test_the_snapshot_says_what_postgresql_said(prepared: Project) -> None:
    snapshot = json.loads((prepared.folder / "sql" / "books.titles.json").read_text())

    assert snapshot["sql"] == ["SELECT title FROM books"]
    assert snapshot["columns"] == [
        {
            "name": "title",
            "type": "text",
            "nullable": False,
            "because": "books.title is NOT NULL",
        }
    ]


def test_preparing_again_changes_nothing(prepared: Project) -> None:
    again = prepared.sql("prepare")

    assert "wrote" not in again.stderr


def test_a_query_that_changed_is_stale(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES.replace("FROM books", "FROM books ORDER BY id"))

    assert codes(prepared) == [("stale-snapshot", "queries.py")]


def test_a_new_query_is_not_in_the_snapshot(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES + PRICES)

    assert codes(prepared) == [("not-in-snapshot", "queries.py")]


def test_a_query_that_is_gone_leaves_an_orphan(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + PRICES)

    assert codes(prepared) == [
        ("not-in-snapshot", "queries.py"),
        ("orphan", "books.titles.json"),
    ]


def test_preparing_removes_the_orphan(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + PRICES)

    assert "removed sql/books.titles.json" in prepared.sql("prepare").stderr
    assert codes(prepared) == []


def test_a_second_query_of_the_same_name_is_found(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES + TITLES)

    assert codes(prepared) == [("duplicate-name", "queries.py")]


def test_a_new_migration_is_newer_than_the_snapshot(prepared: Project) -> None:
    prepared.write(MIGRATION.with_name("20990102000000_more.up.sql"), "SELECT 1;")
    prepared.write(MIGRATION.with_name("20990102000000_more.down.sql"), "SELECT 1;")

    assert codes(prepared) == [("schema-changed", "20990102000000_more.up.sql")]


def test_dropping_a_column_shows_every_query_that_breaks(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES + PRICES)
    assert prepared.sql("prepare").returncode == 0
    prepared.write(MIGRATION, SCHEMA.replace("    title text NOT NULL,\n", ""))

    checked = prepared.sql("check", "--live")

    assert checked.returncode == 1
    line = (HEADER + TITLES).splitlines().index('@query("SELECT title FROM books")') + 1
    assert f'app/books/queries.py:{line}: error: column "title" does not exist' in checked.stdout
    assert "    SELECT title FROM books\n           ^\n" in checked.stdout
    assert "in books.titles [unknown-column]" in checked.stdout
    assert "books.prices" not in checked.stdout


def test_a_column_that_may_now_be_null_is_said_in_words(prepared: Project) -> None:
    prepared.write(MIGRATION, SCHEMA.replace("title text NOT NULL", "title text"))

    messages = [finding["message"] for finding in prepared.findings("--live")]

    assert any("in the database, title can be NULL now" in message for message in messages)
    assert any(message.startswith("the result can be NULL") for message in messages)


def test_nothing_is_prepared_while_a_query_is_wrong(prepared: Project) -> None:
    before = sorted((prepared.folder / "sql").iterdir())
    prepared.write(QUERIES, HEADER + PRICES + "\n" + TITLES.replace("title FROM", "titel FROM"))

    assert prepared.sql("prepare").returncode == 1
    assert sorted((prepared.folder / "sql").iterdir()) == before


def test_sql_past_the_checker_is_found_unless_it_is_marked(prepared: Project) -> None:
    prepared.write(
        Path("app") / "books" / "routes.py",
        "async def read(db):\n"
        "    await db.execute('SELECT 1')\n"
        "    await db.fetch(text)  # dynamic sql: the columns are the caller's\n",
    )

    checked = prepared.sql("check")

    assert "app/books/routes.py:2: error: .execute() runs SQL that nobody has checked" in (
        checked.stdout
    )
    assert "routes.py:3" not in checked.stdout
    assert "1 of dynamic SQL not checked" in checked.stderr


def test_annotations_are_in_githubs_form(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES + PRICES)

    checked = prepared.sql("check", "--format", "github")

    assert checked.stdout.startswith("::error file=app/books/queries.py,line=")
    assert "title=not-in-snapshot::" in checked.stdout


def test_a_query_is_explained(prepared: Project) -> None:
    explained = prepared.sql("explain", "books.titles")

    assert explained.returncode == 0
    assert "books.title is NOT NULL" in explained.stdout
    assert "Seq Scan on books" in explained.stdout


def test_a_large_table_wants_an_index(prepared: Project) -> None:
    prepared.write(
        QUERIES,
        HEADER
        + TITLES.replace("FROM books", "FROM books WHERE title = $1").replace(
            "db: Db", "db: Db, title: str"
        ),
    )
    assert prepared.sql("prepare").returncode == 0
    settings = prepared.folder / "pyproject.toml"
    settings.write_text(settings.read_text() + '\n[tool.sql-check]\nlarge-tables = ["books"]\n')

    (finding,) = prepared.findings("--live", "--plans")

    assert finding["code"] == "sequential-scan"
    assert "reads all of books" in finding["message"]
    assert "title = $1" in finding["message"]


class TestWhatCanNotBeChecked:
    def test_without_a_snapshot(self, prepared: Project) -> None:
        (prepared.folder / "sql" / "schema.lock").unlink()

        checked = prepared.sql("check")

        assert checked.returncode == 2
        assert "`app sql prepare` makes the snapshot" in checked.stderr

    def test_with_a_snapshot_that_can_not_be_read(self, prepared: Project) -> None:
        prepared.write(Path("sql") / "books.titles.json", "{")

        checked = prepared.sql("check")

        assert checked.returncode == 2
        assert "sql/books.titles.json can't be read" in checked.stderr

    def test_without_a_server(self, prepared: Project) -> None:
        away = Project(prepared.folder, "postgresql://nobody@127.0.0.1:1/postgres")

        checked = away.sql("check", "--live")

        assert checked.returncode == 2
        assert checked.stderr.splitlines()[-1].startswith("error: ")

    def test_with_a_module_that_can_not_be_imported(self, prepared: Project) -> None:
        prepared.write(QUERIES, HEADER + "import nowhere\n" + TITLES)

        checked = prepared.sql("check")

        assert checked.returncode == 2
        assert "app/books/queries.py" in checked.stderr
        assert "Traceback" not in checked.stderr

    def test_of_an_unknown_name(self, prepared: Project) -> None:
        explained = prepared.sql("explain", "books.nothing")

        assert explained.returncode == 2
        assert "there is no query books.nothing" in explained.stderr
