"""Finds queries that no index serves, on tables that are marked as large."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from app.db import Connection
from app.db.query import Statement
from tools.checker import source, text
from tools.checker.findings import Finding

_PROJECT: Final = Path("pyproject.toml")


class SettingsError(Exception):
    """pyproject.toml can't be read. Says why."""


def large_tables() -> frozenset[str]:
    """The tables that ``[tool.sql-check] large-tables`` in pyproject.toml names.

    Raises `SettingsError`.
    """
    try:
        project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{_PROJECT} can't be read: {error}") from error
    return frozenset(project.get("tool", {}).get("sql-check", {}).get("large-tables", ()))


async def check(connection: Connection, statements: Sequence[Statement]) -> list[Finding]:
    """Plan every statement with sequential scans made as unattractive as they can be."""
    large = large_tables()
    found = await _unknown(connection, large)
    await connection.execute("SET enable_seqscan = off")
    for statement in statements:
        plan = await generic_plan(connection, statement)
        if plan is not None:
            scans = [scan for scan in _scans(plan) if scan["Relation Name"] in large]
            found.extend(_finding(statement, scan) for scan in scans)
    await connection.execute("RESET enable_seqscan")
    return found


async def _unknown(connection: Connection, large: frozenset[str]) -> list[Finding]:
    """What is marked as a large table and is none."""
    known = await connection.fetch("SELECT relname FROM pg_class WHERE relkind IN ('r', 'm', 'p')")
    lines = _PROJECT.read_text(encoding="utf-8").splitlines()
    place = next((n for n, line in enumerate(lines, 1) if line.startswith("large-tables")), 1)
    return [
        Finding(
            code="unknown-table",
            message=f"large-tables names {name}, which is no table",
            help="Name tables that the migrations make, without their schema.",
            file=_PROJECT,
            line=place,
        )
        for name in sorted(large - {row["relname"] for row in known})
    ]


async def generic_plan(connection: Connection, statement: Statement) -> dict[str, Any] | None:
    """The plan for any parameters (PREPARE, "Notes"); None for a statement that has no plan.

    EXPLAIN (GENERIC_PLAN) would be shorter, but gets to see the values over this protocol.
    """
    values = ", ".join("NULL" for _ in statement.parameters)
    arguments = f"({values})" if values else ""
    async with connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        try:
            await connection.execute(f"PREPARE to_explain AS {statement.sql}")
        except asyncpg.PostgresSyntaxError:
            return None
        explained = await connection.fetchval(
            f"EXPLAIN (FORMAT JSON) EXECUTE to_explain{arguments}"
        )
        await connection.execute("DEALLOCATE to_explain")
    plan: dict[str, Any] = json.loads(explained)[0]["Plan"]
    return plan


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The sequential scans in a plan, at any depth."""
    if plan["Node Type"] == "Seq Scan":
        yield plan
    for child in plan.get("Plans", ()):
        yield from _scans(child)


def _finding(statement: Statement, scan: dict[str, Any]) -> Finding:
    table = scan["Relation Name"]
    condition = f"no index serves {scan['Filter']}" if "Filter" in scan else "it has no condition"
    return Finding.at(
        source.of_sql(statement.function, statement.sql, text.word(statement.sql, table)),
        code="sequential-scan",
        message=f"reads all of {table}, which is marked as large: {condition}",
        help="Add an index that serves the condition, or a condition that an index serves.",
        query=statement.name,
    )
