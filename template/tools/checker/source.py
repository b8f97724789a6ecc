"""Where in the source a statement, its parameters and its columns are written."""

import ast
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tools.checker.findings import Excerpt, Place

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Placed = ast.expr | ast.stmt | ast.arg


class SourceError(Exception):
    """A file is no Python. Names the line."""


def of_function(function: Callable[..., Any]) -> Place:
    """Where a statement's function is defined."""
    definition = _definition(function)
    return _place(function, definition, definition.name)


def of_result(function: Callable[..., Any]) -> Place:
    """Where a statement's function declares what it returns."""
    definition = _definition(function)
    return _place(function, definition.returns or definition)


def of_parameter(function: Callable[..., Any], name: str) -> Place:
    """Where a parameter of the function is declared."""
    arguments = _definition(function).args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg == name:
            return _place(function, argument)
    return of_function(function)


def of_field(row: type[Any], name: str) -> Place:
    """Where a field of a row class is declared: in its own body, or else in a base class."""
    for owner in row.__mro__:
        if name in inspect.get_annotations(owner):
            return _place(owner, _field(owner, name))
    return _place(row, _class(row), row.__name__)


def of_sql(function: Callable[..., Any], sql: str, position: int = 0) -> Place:
    """Where the character at ``position`` of a statement's SQL is written, or the first one."""
    position = max(position, len(sql) - len(sql.lstrip()))
    before = sql[:position]
    line = sql.splitlines()[before.count("\n")] if sql else ""
    column = position - (before.rfind("\n") + 1)
    indentation = len(line) - len(line.lstrip())
    excerpt = Excerpt(line.strip(), max(column - indentation, 0))
    return Place(_file(function), _literal_line(function) + before.count("\n"), excerpt)


def of_call(path: Path, call: ast.Call) -> Place:
    """Where a method is called."""
    return Place(path, call.lineno, _excerpt(str(path), call.lineno, call.col_offset))


def nodes(path: Path, words: Iterable[str]) -> Sequence[ast.AST]:
    """All that a file consists of; nothing where none of the words is in it, which saves time.

    Raises `SourceError`.
    """
    text = "\n".join(_lines(str(path)))
    return _nodes(str(path)) if any(word in text for word in words) else ()


def line(path: Path, number: int) -> str:
    """A line of a file, from 1."""
    return _lines(str(path))[number - 1]


def _place(item: Callable[..., Any] | type[Any], node: _Placed, name: str = "") -> Place:
    """Where a node begins, or else the name after its keywords."""
    path = inspect.getsourcefile(item) or ""
    text = _lines(path)[node.lineno - 1]
    column = len(text.encode()[: node.col_offset].decode())
    column = max(text.find(name, column), column) if name else column
    return Place(_file(item), node.lineno, _excerpt(path, node.lineno, column))


def _excerpt(path: str, number: int, column: int) -> Excerpt:
    text = _lines(path)[number - 1]
    return Excerpt(text.strip(), column - (len(text) - len(text.lstrip())))


def _literal_line(function: Callable[..., Any]) -> int:
    definition = _definition(function)
    for decorator in definition.decorator_list:
        if isinstance(decorator, ast.Call) and decorator.args:
            return decorator.args[0].lineno
    return definition.lineno


def _definition(function: Callable[..., Any]) -> _Function:
    # A decorated function's code begins with its first decorator.
    first = function.__code__.co_firstlineno
    for node in _nodes(function.__code__.co_filename):
        if isinstance(node, _Function) and node.name == function.__name__:
            begins = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            if begins == first:
                return node
    raise LookupError(f"{function.__qualname__} is not in {function.__code__.co_filename}")


def _class(row: type[Any]) -> ast.ClassDef:
    path = inspect.getsourcefile(row) or ""
    for node in _nodes(path):
        if isinstance(node, ast.ClassDef) and node.name == row.__name__:
            return node
    raise LookupError(f"{row.__qualname__} is not in {path}")


def _field(row: type[Any], name: str) -> ast.stmt:
    definition = _class(row)
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", None) == name:
            return node
    return definition


def _file(item: Callable[..., Any] | type[Any]) -> Path:
    path = Path(inspect.getsourcefile(item) or "")
    folder = Path.cwd()
    return path.relative_to(folder) if path.is_relative_to(folder) else path


@cache
def _nodes(path: str) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))))
    except SyntaxError as error:
        raise SourceError(f"{path}:{error.lineno} is no Python: {error.msg}") from error


@cache
def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()
