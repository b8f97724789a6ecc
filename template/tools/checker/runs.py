"""What the commands of ``app sql`` do. They return the command's exit code."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import typer

from app.db import Connection
from app.db.migrations import MigrationError
from app.db.query import Statement
from tools.checker import check as checks
from tools.checker import discovery, snapshot, text
from tools.checker.check import Report
from tools.checker.discovery import DiscoveryError
from tools.checker.findings import Format, render
from tools.checker.plans import SettingsError
from tools.checker.snapshot import SnapshotError
from tools.checker.source import SourceError
from tools.postgres import PostgresError

_FOUND: Final = 1
_COULD_NOT_CHECK: Final = 2

_OBSTACLES: Final = (
    DiscoveryError,
    MigrationError,
    PostgresError,
    SettingsError,
    SnapshotError,
    SourceError,
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresError,
)


def check(form: Format, *, live: bool, with_plans: bool) -> int:
    """Check every query, offline or live."""

    def run() -> int:
        statements = discovery.statements()
        if not live:
            return _finish(checks.offline(statements), form)
        return _finish(asyncio.run(_check(statements, with_plans)), form)

    return _or_give_up(run)


def prepare(form: Format) -> int:
    """Write the snapshot, unless a query is wrong."""

    def run() -> int:
        report, entries = asyncio.run(_prepare(discovery.statements()))
        if not report.failed:
            for path in snapshot.write(entries):
                _say(f"{'wrote' if path.exists() else 'removed'} {path}")
        return _finish(report, form)

    return _or_give_up(run)


def explain(name: str) -> int:
    """Show all that is known of one query."""

    def run() -> int:
        named = {statement.name: statement for statement in discovery.statements()}
        if name not in named:
            _say(f"error: there is no query {name}; there are {', '.join(named)}")
            return _COULD_NOT_CHECK
        return asyncio.run(_explain(named[name]))

    return _or_give_up(run)


async def _check(statements: list[Statement], with_plans: bool) -> Report:
    from tools.checker import live, plans
    from tools.sql import Description

    async with _database() as connection:
        _say(f"asking PostgreSQL about {text.count(len(statements), 'query', 'queries')}")
        outcomes = await live.describe(connection, statements)
        report = checks.against(statements, outcomes)
        if with_plans:
            _say("planning them")
            # What PostgreSQL refuses has no plan, and is reported already.
            pairs = zip(statements, outcomes, strict=True)
            sound = [statement for statement, outcome in pairs if isinstance(outcome, Description)]
            report.findings.extend(await plans.check(connection, sound))
    return report


async def _prepare(statements: list[Statement]) -> tuple[Report, dict[str, snapshot.Entry]]:
    from tools.checker import live
    from tools.sql import Description

    async with _database() as connection:
        _say(f"asking PostgreSQL about {text.count(len(statements), 'query', 'queries')}")
        outcomes = await live.describe(connection, statements)
    report = checks.signatures_only(statements, outcomes)
    entries = {
        statement.name: snapshot.entry(statement, outcome)
        for statement, outcome in zip(statements, outcomes, strict=True)
        if isinstance(outcome, Description)
    }
    return report, entries


async def _explain(statement: Statement) -> int:
    from tools.checker import explanation, live, plans
    from tools.sql import Description

    async with _database() as connection:
        (outcome,) = await live.describe(connection, [statement])
        if not isinstance(outcome, Description):
            typer.echo(render([live.refusal(statement, outcome)], Format.TEXT))
            return _FOUND
        plan = await plans.generic_plan(connection, statement)
    typer.echo(explanation.explain(statement, outcome, plan))
    return 0


@asynccontextmanager
async def _database() -> AsyncIterator[Connection]:
    from tools import databases
    from tools.checker import live

    _say("making a database from the migrations")
    with databases.server() as server:
        async with live.migrated_database(server) as connection:
            yield connection


def _or_give_up(run: Callable[[], int]) -> int:
    """Let what keeps the checker from checking end it with an exit code of its own."""
    try:
        return run()
    except _OBSTACLES as error:
        _say(f"error: {error}")
        return _COULD_NOT_CHECK


def _finish(report: Report, form: Format) -> int:
    if report.findings or form is Format.JSON:
        typer.echo(render(report.findings, form))
    _say(report.summary())
    return _FOUND if report.failed else 0


def _say(line: str) -> None:
    """Tell what goes on, without getting into what is read from standard output."""
    typer.echo(line, err=True)
