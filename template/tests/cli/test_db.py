"""`app db`: the schema's migrations."""

import re
from pathlib import Path

import pytest

from app.db import migrations
from app.settings import Settings
from tests.support.workspace import Run

LABELS = [migration.label for migration in migrations.load()]


@pytest.fixture
def empty(configured: Run, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands on a database without the schema."""
    monkeypatch.setenv("DATABASE_URL", empty_database)
    return configured


def test_migrate_applies_what_is_pending(empty: Run) -> None:
    result = empty("db", "migrate")

    assert result.code == 0
    assert result.stdout.splitlines() == [f"applied {label}" for label in LABELS]


def test_migrate_says_that_there_is_nothing_to_do(configured: Run) -> None:
    result = configured("db", "migrate")

    assert result.code == 0
    assert result.stdout == "nothing to do: every migration is applied\n"


@pytest.mark.parametrize("command", ["migrate", "revert"])
def test_no_migration_goes_through_a_pooler(
    configured: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DATABASE_BEHIND_POOLER", "true")

    result = configured("db", command)

    assert result.code == 1
    assert result.stderr.startswith("error: migrations need a session of their own")
    assert "DATABASE_URL" in result.stderr


def test_migrate_shows_what_is_wrong(empty: Run, workspace: Path) -> None:
    (workspace / "migrations").unlink()
    (workspace / "migrations").mkdir()
    empty("db", "new", "first")
    [up] = (workspace / "migrations").glob("*.up.sql")
    up.write_text("CREATE TABLE first (\n    id integr\n);\n")
    up.with_name(up.name.replace(".up.", ".down.")).write_text("DROP TABLE first;\n")

    result = empty("db", "migrate")

    assert result.code == 1
    assert result.stderr.splitlines() == [
        f'error: migrations/{up.name}:2: type "integr" does not exist',
        "      id integr",
        "         ^",
    ]


def test_revert_undoes_the_last(configured: Run) -> None:
    result = configured("db", "revert")

    assert result.code == 0
    assert result.stdout == f"reverted {LABELS[-1]}\n"


def test_revert_undoes_as_many_as_it_is_told(configured: Run) -> None:
    result = configured("db", "revert", "--steps", str(len(LABELS)))

    assert result.stdout.splitlines() == [f"reverted {label}" for label in reversed(LABELS)]
    assert configured("db", "revert").stdout == "nothing to do: no migration is applied\n"


def test_status_lists_what_is_applied(configured: Run) -> None:
    result = configured("db", "status")

    assert result.code == 0
    for line, label in zip(result.stdout.splitlines(), LABELS, strict=True):
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC  {label}", line)


def test_status_fails_where_something_is_pending(configured: Run) -> None:
    configured("db", "revert")

    result = configured("db", "status")

    assert result.code == 1
    assert result.stdout.splitlines()[-1] == f"pending                  {LABELS[-1]}"
    assert result.stderr == ""


def test_new_makes_the_files(run: Run, workspace: Path) -> None:
    (workspace / "migrations").unlink()
    (workspace / "migrations").mkdir()

    result = run("db", "new", "add_invoices")

    assert result.code == 0
    up, down = result.stdout.splitlines()
    assert re.fullmatch(r"made migrations/\d{14}_add_invoices\.up\.sql", up)
    assert down == up.replace(".up.", ".down.")
    assert (workspace / up.removeprefix("made ")).is_file()


def test_new_refuses_a_wrong_name(run: Run) -> None:
    result = run("db", "new", "Add Invoices")

    assert result.code == 1
    assert result.stderr == (
        "error: 'Add Invoices': use lower-case letters, digits and _, as in add_invoices\n"
    )


def test_elsewhere_says_where_to_go(empty: Run, workspace: Path) -> None:
    (workspace / "migrations").unlink()

    for arguments in (["migrate"], ["status"], ["revert"], ["new", "x"]):
        result = empty("db", *arguments)

        assert result.code == 1
        assert result.stderr == (
            "error: there is no folder migrations/: run this in the project's folder\n"
        )


@pytest.mark.parametrize("command", ["migrate", "status", "revert"])
def test_a_database_that_is_away_is_a_sentence(
    configured: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@127.0.0.1:1/nothing")

    result = configured("db", command)

    assert result.code == 1
    assert re.fullmatch(r"error: the database can't be reached: .+\n", result.stderr)


def test_the_password_may_stand_apart_from_the_address(
    configured: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "one that this server never asks for")

    assert configured("db", "status").code == 0
