"""The commands, on a project that changes under them."""

import json
from pathlib import Path

import pytest

from tests.support.processes import PROJECT
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
    assert prepared.sql("check").stderr.endswith(": 1 error, no warnings\n")


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


def test_of_two_queries_of_one_name_each_is_held_to_its_own_sql(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES + PRICES.replace("def prices", "def titles"))

    assert prepared.sql("prepare").stdout.count("error: ") == 1, "the name"


def test_a_new_migration_is_newer_than_the_snapshot(prepared: Project) -> None:
    prepared.write(MIGRATION.with_name("20990102000000_more.up.sql"), "SELECT 1;")
    prepared.write(MIGRATION.with_name("20990102000000_more.down.sql"), "SELECT 1;")

    assert codes(prepared) == [("schema-changed", "20990102000000_more.up.sql")]


def test_a_migration_that_has_changed_is_no_longer_the_snapshots(prepared: Project) -> None:
    prepared.write(MIGRATION, SCHEMA + "CREATE TABLE authors (name text);")

    (finding,) = prepared.findings()

    assert finding["code"] == "schema-changed"
    assert finding["file"] == str(MIGRATION)
    assert "has changed since the snapshot was made" in finding["message"]


def test_a_migration_that_is_gone_is_missed(prepared: Project) -> None:
    for file in (prepared.folder / "migrations").glob("20990101000000_*"):
        file.unlink()

    (finding,) = prepared.findings()

    assert finding["code"] == "schema-changed"
    assert "was made with migration 20990101000000_books, which is gone" in finding["message"]


BREAKING = """
@query("SELECT title FROM books WHERE id = $1")
async def get_title(db: Db, id: int) -> str: ...


@query("UPDATE books SET title = $2 WHERE id = $1")
async def rename(db: Db, id: int, title: str) -> Affected: ...
"""


def test_a_migration_that_drops_a_column_shows_every_query_that_breaks(prepared: Project) -> None:
    source = HEADER + PRICES + BREAKING
    prepared.write(QUERIES, source)
    assert prepared.sql("prepare").returncode == 0
    migration = MIGRATION.with_name("20990102000000_untitled.up.sql")
    prepared.write(migration, "ALTER TABLE books DROP COLUMN title;")
    prepared.write(
        migration.with_name("20990102000000_untitled.down.sql"),
        "ALTER TABLE books ADD COLUMN title text;",
    )

    offline, live = prepared.sql("check"), prepared.sql("check", "--live")

    # Without a database it is known that the snapshot is of another schema; with one, what breaks.
    assert offline.returncode == live.returncode == 1
    assert f"{migration}:1: error: migration 20990102000000_untitled is newer" in offline.stdout
    first = source.splitlines().index('@query("SELECT title FROM books WHERE id = $1")') + 1
    assert (
        f"""{QUERIES}:{first}: error: column "title" does not exist
    SELECT title FROM books WHERE id = $1
           ^
  help: Name a column that the table has, or add one in a migration.
  in books.get_title [unknown-column]
"""
        in live.stdout
    )
    second = source.splitlines().index('@query("UPDATE books SET title = $2 WHERE id = $1")') + 1
    assert (
        f"""{QUERIES}:{second}: error: column "title" of relation "books" does not exist
    UPDATE books SET title = $2 WHERE id = $1
                     ^
"""
        in live.stdout
    )
    assert "books.prices" not in live.stdout
    assert "3 errors, no warnings" in live.stderr, "with the snapshot's age"


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
        "    await db.fetch(text)  # dynamic sql: the columns are the caller's\n"
        "    await db.fetch(query=text)  # dynamic sql:\n",
    )

    checked = prepared.sql("check")

    assert "app/books/routes.py:2: error: .execute() runs SQL that nobody has checked" in (
        checked.stdout
    )
    assert "    await db.execute('SELECT 1')\n          ^\n" in (checked.stdout)
    assert "routes.py:3" not in checked.stdout
    assert "routes.py:4: error: .fetch() runs SQL" in checked.stdout, "the mark has no reason"
    assert "1 of dynamic SQL not checked" in checked.stderr


def test_annotations_are_in_githubs_form(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES + PRICES)

    checked = prepared.sql("check", "--format", "github")

    assert checked.stdout.startswith("::error file=app/books/queries.py,line=")
    assert "title=not-in-snapshot::" in checked.stdout
    assert checked.returncode == 1


def test_a_warning_is_told_but_fails_nothing(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES.replace("list[str]", "list[str | None]"))

    annotated = prepared.sql("prepare", "--format", "github")

    assert annotated.returncode == 0
    assert annotated.stdout.startswith("::warning file=app/books/queries.py,line=")
    assert prepared.sql("check").returncode == 0
    assert "no errors, 1 warning" in prepared.sql("check").stderr


@pytest.mark.parametrize(
    ("imported", "decorator"),
    [
        ("from app.db import query as checked", "@checked"),
        ("import app.db", "@app.db.query"),
        ("from app import db", "@db.query"),
    ],
)
def test_a_query_is_found_however_its_decorator_is_imported(
    prepared: Project, imported: str, decorator: str
) -> None:
    prepared.write(
        Path("app") / "books" / "more.py",
        f"from app.db import Db\n{imported}\n\n\n"
        f'{decorator}("SELECT 1")\nasync def one(database: Db) -> int: ...\n',
    )

    assert codes(prepared) == [("not-in-snapshot", "more.py")]


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
    settings.write_text(
        settings.read_text().replace("large-tables = [", 'large-tables = ["books", ')
    )

    (finding,) = prepared.findings("--live", "--plans")

    assert finding["code"] == "sequential-scan"
    assert "reads all of books" in finding["message"]
    assert "title = $1" in finding["message"]


def test_queries_that_are_refused_are_reported_and_not_planned(prepared: Project) -> None:
    prepared.write(QUERIES, HEADER + TITLES + PRICES.replace("price FROM", "prize FROM"))

    assert codes(prepared, "--live", "--plans") == [("unknown-column", "queries.py")]


def test_a_large_table_that_is_none_is_found(prepared: Project) -> None:
    settings = prepared.folder / "pyproject.toml"
    text = settings.read_text().replace("large-tables = [", 'large-tables = ["bok", ')
    settings.write_text(text)

    (finding,) = prepared.findings("--live", "--plans")

    assert "large-tables names bok, which is no table" in finding["message"]
    assert text.splitlines()[finding["line"] - 1].startswith("large-tables")


class TestWhatCanNotBeChecked:
    def test_with_an_address_that_is_none(self, prepared: Project) -> None:
        checked = Project(prepared.folder, "nowhere").sql("check", "--live")

        assert checked.returncode == 2
        assert checked.stderr.splitlines()[-1].startswith("error: ")

    def test_with_settings_that_can_not_be_read(self, prepared: Project) -> None:
        prepared.write(Path("pyproject.toml"), "[tool.sql-check\n")

        checked = prepared.sql("check", "--live", "--plans")

        assert checked.returncode == 2
        assert "error: pyproject.toml can't be read" in checked.stderr

    def test_with_a_file_that_is_no_python(self, prepared: Project) -> None:
        prepared.write(Path("app") / "books" / "routes.py", "def query:\n")

        checked = prepared.sql("check")

        assert checked.returncode == 2
        assert "error: app/books/routes.py:1 is no Python" in checked.stderr

    @pytest.mark.parametrize(
        ("decorator", "definition"),
        [
            ("query", "async def f(db: Db) -> AsyncIterator[int]"),
            ("stream", "def f(db: Db) -> int"),
        ],
    )
    def test_a_decorator_for_something_else(
        self, prepared: Project, decorator: str, definition: str
    ) -> None:
        prepared.write(QUERIES, f'{HEADER}\n@{decorator}("SELECT 1")\n{definition}: ...\n')

        checked = prepared.sql("check")

        assert checked.returncode == 2
        assert "books.f " in checked.stderr

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

    def test_from_the_environment_of_another_checkout(self, prepared: Project) -> None:
        checked = prepared.sql("check", imported_from=PROJECT)

        assert checked.returncode == 2
        assert f"is not what Python imports, but {PROJECT}" in checked.stderr

    @pytest.mark.parametrize("name", ["check", "prepare"])
    def test_in_another_folder(self, prepared: Project, name: str) -> None:
        elsewhere = Project(prepared.folder / "tests", prepared.server)
        elsewhere.folder.mkdir()

        done = elsewhere.sql(name, imported_from=prepared.folder)

        assert done.returncode == 2
        assert done.stderr == "error: there is no folder app/: run this in the project's folder\n"
        assert not list(elsewhere.folder.iterdir())

    def test_of_an_unknown_name(self, prepared: Project) -> None:
        explained = prepared.sql("explain", "books.nothing")

        assert explained.returncode == 2
        assert "there is no query books.nothing" in explained.stderr
