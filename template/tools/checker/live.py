"""Asks a real PostgreSQL: in a database of its own, made from the migrations."""

import typing
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from app.db import Connection
from app.db.query import Statement
from tools import databases
from tools.checker import pytypes, source, text
from tools.checker.findings import Finding
from tools.sql import Description, Promises, SqlError, describe_all
from tools.sql import Statement as Question

Outcomes = Sequence[Description | SqlError]
"""In the order of the statements."""


@asynccontextmanager
async def migrated_database(server: str) -> AsyncIterator[Connection]:
    """A connection to a database that the migrations have made. Nothing in it is changed."""
    admin = await asyncpg.connect(server)
    try:
        template = await databases.migrated_template(admin, server)
        # A copy: nobody could copy the template while this connection is open.
        async with databases.fresh_database(admin, server, template) as fresh:
            connection = await asyncpg.connect(fresh.dsn)
            try:
                yield connection
            finally:
                await connection.close()
    finally:
        await admin.close()


async def describe(connection: Connection, statements: Sequence[Statement]) -> Outcomes:
    """What PostgreSQL says of each statement."""
    asked = [Question(item.sql, _promises(item)) for item in statements]
    return await describe_all(connection, asked)


def refusal(statement: Statement, error: SqlError) -> Finding:
    """The finding for a statement that PostgreSQL refuses."""
    second = text.second_statement(statement.sql)
    if second is not None and error.sqlstate == "42601" and error.position is None:
        return Finding.at(
            source.of_sql(statement.function, statement.sql, second),
            code="two-statements",
            message=error.message,
            help="Make each a query of its own, and call them in one transaction.",
            query=statement.name,
        )
    code = _CODES.get(error.sqlstate, "sql-error")
    said = " ".join(part for part in (error.detail, error.hint) if part)
    return Finding.at(
        source.of_sql(statement.function, statement.sql, error.position or 0),
        code=code,
        message=error.message,
        help=said or _REMEDIES.get(code, "Correct the SQL."),
        query=statement.name,
    )


_CODES = {
    "42601": "syntax-error",
    "42703": "unknown-column",
    "42P01": "unknown-table",
    "42883": "unknown-function",
    "42P18": "parameter-type",
    "42804": "type-mismatch",
}
"""By SQLSTATE (PostgreSQL, appendix A)."""

_REMEDIES = {
    "unknown-column": "Name a column that the table has, or add one in a migration.",
    "unknown-table": "Name a table that the migrations make, or add one in a migration.",
    "parameter-type": "Cast the parameter to the type that it has: $1::text.",
}
"""For what PostgreSQL itself has no hint about."""


def _promises(statement: Statement) -> Promises:
    annotations = list(enumerate(statement.parameters.values(), 1))
    return Promises(
        not_null=frozenset(n for n, item in annotations if not pytypes.is_optional(item)),
        elements_not_null=frozenset(n for n, item in annotations if _elements_are_set(item)),
    )


def _elements_are_set(annotation: object) -> bool:
    plain = pytypes.without_none(annotation)
    if typing.get_origin(plain) is not list:
        return False
    return not pytypes.is_optional(typing.get_args(plain)[0])
