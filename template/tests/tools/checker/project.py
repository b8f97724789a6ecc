"""A project to check: this one, with another domain in it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.processes import PROJECT

SCHEMA: Final = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN isbn AS text;
CREATE TABLE moods (name text NOT NULL);
CREATE TABLE books (
    id bigint PRIMARY KEY,
    title text NOT NULL,
    subtitle text,
    price numeric NOT NULL,
    weight double precision NOT NULL,
    mood mood NOT NULL,
    tags text[] NOT NULL,
    details jsonb NOT NULL,
    printed timestamptz NOT NULL,
    shelved timestamp NOT NULL,
    isbn isbn NOT NULL
);
"""
MIGRATION: Final = Path("migrations") / "20990101000000_books.up.sql"
QUERIES: Final = Path("app") / "books" / "queries.py"

HEADER: Final = '''"""Books in SQL."""

import datetime
import decimal
import enum
from collections.abc import AsyncIterator

import pydantic

from app.db import Affected, Db, Jsonb, Transaction, query, row, stream


class Mood(enum.StrEnum):
    SAD = "sad"
    OK = "ok"


class Half(enum.StrEnum):
    SAD = "sad"


class Plain(enum.Enum):
    SAD = "sad"
    OK = "ok"


class More(enum.StrEnum):
    SAD = "sad"
    OK = "ok"
    ECSTATIC = "ecstatic"


'''


@dataclass(frozen=True, slots=True)
class Project:
    """A project's folder, and the server that its SQL is checked on."""

    folder: Path
    server: str

    def write(self, path: Path, text: str) -> None:
        (self.folder / path).write_text(text)

    def sql(
        self, *arguments: str, imported_from: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``app sql``, of this folder or of another."""
        return self.app("sql", *arguments, imported_from=imported_from)

    def app(
        self, *arguments: str, imported_from: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``app``, of this folder or of another."""
        where = str(imported_from or self.folder)
        environment = os.environ | {"TEST_DATABASE_URL": self.server, "PYTHONPATH": where}
        return subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-P", "-m", "app", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def findings(self, *arguments: str) -> list[dict[str, Any]]:
        """What ``app sql check`` finds."""
        checked = self.sql("check", "--format", "json", *arguments)
        assert checked.returncode in (0, 1), checked.stderr
        found: list[dict[str, Any]] = json.loads(checked.stdout)
        return found


def copy(folder: Path, server: str) -> Project:
    """Copy this project."""
    for part in ("app", "tools", "migrations", "sql"):
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    about = folder / "app" / "about.py"
    # Its databases are not to be taken for this project's.
    about.write_text(about.read_text().replace('NAME: Final = "', 'NAME: Final = "checked-'))
    return Project(folder, server)


def make(folder: Path, server: str, queries: str = "") -> Project:
    """Copy this project, with books in it."""
    project = copy(folder, server)
    project.write(MIGRATION, SCHEMA)
    project.write(MIGRATION.with_name("20990101000000_books.down.sql"), "DROP TABLE books;")
    (folder / "app" / "books").mkdir()
    project.write(QUERIES.with_name("__init__.py"), "")
    project.write(QUERIES, HEADER + queries)
    return project
