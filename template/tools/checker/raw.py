"""Finds SQL that is run past the checker."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.checker.discovery import PACKAGE
from tools.checker.findings import Finding

_METHODS: Final = frozenset(
    {"fetch", "fetchrow", "fetchval", "fetchmany", "execute", "executemany", "cursor", "prepare"}
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
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for call in _calls(ast.parse(text)):
            if _MARK in lines[call.lineno - 1]:
                marked += 1
            else:
                findings.append(_finding(path, call))
    return RawSql(findings, marked)


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            awaited_on_sql = node.func.attr in _METHODS and bool(node.args)
            if awaited_on_sql:
                yield node


def _finding(path: Path, call: ast.Call) -> Finding:
    assert isinstance(call.func, ast.Attribute)  # noqa: S101 -- for the type checker
    return Finding(
        code="raw-sql",
        message=f".{call.func.attr}() runs SQL that nobody has checked",
        help="Make it a query. Where the SQL has to be put together at run time, end the line with "
        f"{_MARK}<the reason>.",
        file=path,
        line=call.lineno,
    )
