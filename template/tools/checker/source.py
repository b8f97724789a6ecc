"""Where in the source a statement, its parameters and its columns are written."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tools.checker.findings import Excerpt

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, relative to the project's folder where it is inside."""

    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class SqlPlace:
    """A position in a statement's SQL."""

    place: Place
    excerpt: Excerpt


def of_function(function: Callable[..., Any]) -> Place:
    """Where a statement's function is defined."""
    return Place(_file(function), _definition(function).lineno)


def of_parameter(function: Callable[..., Any], name: str) -> Place:
    """Where a parameter of the function is declared."""
    arguments = _definition(function).args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg == name:
            return Place(_file(function), argument.lineno)
    return of_function(function)


def of_field(row: type[Any], name: str) -> Place:
    """Where a field of a row class is declared: in its own body, or else in a base class."""
    for owner in row.__mro__:
        if name in inspect.get_annotations(owner):
            return Place(_file(owner), _field_line(owner, name))
    return of_class(row)


def of_class(row: type[Any]) -> Place:
    """Where a row class is defined."""
    return Place(_file(row), _class(row).lineno)


def of_sql(function: Callable[..., Any], sql: str, position: int = 0) -> SqlPlace:
    """Where the character at ``position`` of a statement's SQL is written."""
    before = sql[:position]
    line = sql.splitlines()[before.count("\n")] if sql else ""
    column = position - (before.rfind("\n") + 1)
    indentation = len(line) - len(line.lstrip())
    excerpt = Excerpt(line.strip(), max(column - indentation, 0))
    literal = _literal_line(function)
    return SqlPlace(Place(_file(function), literal + before.count("\n")), excerpt)


def _literal_line(function: Callable[..., Any]) -> int:
    definition = _definition(function)
    for decorator in definition.decorator_list:
        if isinstance(decorator, ast.Call) and decorator.args:
            return decorator.args[0].lineno
    return definition.lineno


def _definition(function: Callable[..., Any]) -> _Function:
    # A decorated function's code begins with its first decorator.
    first = function.__code__.co_firstlineno
    for node in ast.walk(_tree(function.__code__.co_filename)):
        if isinstance(node, _Function) and node.name == function.__name__:
            begins = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            if begins == first:
                return node
    raise LookupError(f"{function.__qualname__} is not in {function.__code__.co_filename}")


def _class(row: type[Any]) -> ast.ClassDef:
    path = inspect.getsourcefile(row) or ""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ClassDef) and node.name == row.__name__:
            return node
    raise LookupError(f"{row.__qualname__} is not in {path}")


def _field_line(row: type[Any], name: str) -> int:
    definition = _class(row)
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", None) == name:
            return node.lineno
    return definition.lineno


def _file(item: Callable[..., Any] | type[Any]) -> Path:
    path = Path(inspect.getsourcefile(item) or "")
    folder = Path.cwd()
    return path.relative_to(folder) if path.is_relative_to(folder) else path


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"))
