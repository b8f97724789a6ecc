"""Finds the service's statements, by importing the modules that define some."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.db.query import STATEMENTS, Statement
from tools.checker import source
from tools.checker.findings import Finding

PACKAGE: Final = Path("app")
_DEFINES: Final = re.compile(r"^@(query|stream)\(", re.MULTILINE)


class DiscoveryError(Exception):
    """A module with statements in it can't be imported. Names the file."""


def statements() -> list[Statement]:
    """Every statement of the package, in the order of the files. Imports nothing else of it.

    Raises `DiscoveryError`.
    """
    for path in sorted(PACKAGE.rglob("*.py")):
        if _DEFINES.search(path.read_text(encoding="utf-8")):
            _import(path)
    here = [statement for statement in STATEMENTS if _is_ours(statement)]
    return sorted(here, key=lambda statement: (_file(statement), _line(statement)))


def duplicates(found: list[Statement]) -> Iterator[Finding]:
    """Statements that have the name of an earlier one."""
    seen: dict[str, Statement] = {}
    for statement in found:
        first = seen.setdefault(statement.name, statement)
        if first is statement:
            continue
        place = source.of_function(statement.function)
        yield Finding(
            code="duplicate-name",
            message=f"there is another query {statement.name}, in line {_line(first)}",
            help="The later one replaces the earlier: rename one of them.",
            file=place.file,
            line=place.line,
            query=statement.name,
        )


def _import(path: Path) -> None:
    try:
        importlib.import_module(".".join(path.with_suffix("").parts))
    except Exception as error:
        raise DiscoveryError(
            f"{path} can't be imported: {type(error).__name__}: {error}"
        ) from error


def _is_ours(statement: Statement) -> bool:
    return Path(_file(statement)).is_relative_to(PACKAGE.absolute())


def _file(statement: Statement) -> str:
    return inspect.getsourcefile(statement.function) or ""


def _line(statement: Statement) -> int:
    return statement.function.__code__.co_firstlineno
