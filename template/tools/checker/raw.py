"""Finds SQL that is run past the checker."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.checker import source
from tools.checker.discovery import PACKAGE
from tools.checker.findings import Finding

_METHODS: Final = frozenset(
    {
        "copy_from_query",
        "cursor",
        "execute",
        "executemany",
        "fetch",
        "fetchmany",
        "fetchrow",
        "fetchval",
        "prepare",
    }
)
_EXEMPT: Final = PACKAGE / "db"
"""Where queries are run, and where the migrations are."""
_MARK: Final = "# dynamic sql: "


@dataclass(frozen=True, slots=True)
class RawSql:
    """Calls of asyncpg outside of `app.db`."""

    findings: list[Finding]
    marked: int
    """Calls that are marked as dynamic, with a reason, and are let through."""


def scan() -> RawSql:
    """Look through the package."""
    findings: list[Finding] = []
    marked = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(_EXEMPT):
            continue
        for call in _calls(source.nodes(path, _METHODS)):
            if _MARK in source.line(path, call.lineno):
                marked += 1
            else:
                findings.append(_finding(path, call))
    return RawSql(findings, marked)


def _calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in _METHODS and (node.args or node.keywords):
            yield node


def _finding(path: Path, call: ast.Call) -> Finding:
    assert isinstance(call.func, ast.Attribute)  # noqa: S101 -- for the type checker
    return Finding.at(
        source.of_call(path, call),
        code="raw-sql",
        message=f".{call.func.attr}() runs SQL that nobody has checked",
        help="Make it a query. Where the SQL has to be put together at run time, end the line with "
        f"{_MARK}<the reason>.",
    )
