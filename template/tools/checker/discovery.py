"""Finds the service's statements, by importing the modules that define some."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.db.query import STATEMENTS, Statement
from tools.checker import source
from tools.checker.findings import Finding

PACKAGE: Final = Path("app")
_DECORATORS: Final = frozenset({"query", "stream"})


class DiscoveryError(Exception):
    """A module with statements in it can't be imported. Names the file."""


def statements() -> list[Statement]:
    """Every statement of the package, in the order of the files.

    Imports only modules that may have some. Raises `DiscoveryError`, and `SourceError`.
    """
    if not PACKAGE.is_dir():
        raise DiscoveryError(f"there is no folder {PACKAGE}/: run this in the project's folder")
    for path in sorted(PACKAGE.rglob("*.py")):
        if any(map(_takes_decorator, source.nodes(path, _DECORATORS))):
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
        other = source.of_function(first.function)
        yield Finding.at(
            source.of_function(statement.function),
            code="duplicate-name",
            message=f"there is another query {statement.name}, at {other.file}:{other.line}",
            help="Rename one of them: they would share a snapshot.",
            query=statement.name,
        )


def _takes_decorator(node: ast.AST) -> bool:
    """Whether this takes a decorator for queries from somewhere, under whatever name."""
    if isinstance(node, ast.ImportFrom):
        return not _DECORATORS.isdisjoint(name.name for name in node.names)
    return isinstance(node, ast.Attribute) and node.attr in _DECORATORS


def _import(path: Path) -> None:
    try:
        module = importlib.import_module(".".join(path.with_suffix("").parts))
    except Exception as error:
        raise DiscoveryError(
            f"{path} can't be imported: {type(error).__name__}: {error}"
        ) from error
    found = inspect.getsourcefile(module) or ""
    if Path(found).resolve() != path.resolve():
        raise DiscoveryError(
            f"{path} is not what Python imports, but {found}: the environment is another "
            "checkout's, or this is not the project's folder (`uv sync` mends the first)"
        )


def _is_ours(statement: Statement) -> bool:
    return Path(_file(statement)).is_relative_to(PACKAGE.absolute())


def _file(statement: Statement) -> str:
    return inspect.getsourcefile(statement.function) or ""


def _line(statement: Statement) -> int:
    return statement.function.__code__.co_firstlineno
