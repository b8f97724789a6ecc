"""Ask PostgreSQL what a statement takes and returns, and work out what can be NULL.

The server prepares the statement, which says its types, and then stores it as the body of a
temporary SQL function in a transaction that is rolled back: `pg_proc.prosqlbody` holds the tree
that the server itself made of it, with every name resolved. No statement is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from tools.sql import cardinality, nodetree
from tools.sql.catalogue import Catalogue, Connection
from tools.sql.nullability import NO_PROMISES, Nullability, Promises
from tools.sql.parameters import refused_nulls
from tools.sql.scope import Command
from tools.sql.sqltypes import SqlType, load_types
from tools.sql.verdict import Verdict, maybe

_SAVEPOINT = "slipway"
_SYNTAX_ERROR = "42601"
_FEATURE_NOT_SUPPORTED = "0A000"
# The first word after space, comments and brackets.
_FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*|/\*.*?\*/)*(\w+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement to describe, with what the caller promises of its parameters' values."""

    sql: str
    promises: Promises = NO_PROMISES


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a statement."""

    number: int
    type: SqlType
    accepts_null: bool
    reason: str
    """Why it refuses NULL; empty if it accepts it."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column that a statement returns."""

    name: str
    type: SqlType
    nullable: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a statement takes and returns."""

    command: str
    """`SELECT`, `INSERT`, …, or the first word of a statement that PostgreSQL does not analyse."""
    parameters: tuple[Parameter, ...]
    columns: tuple[ResultColumn, ...]
    at_least_one_row: bool
    at_most_one_row: bool


class SqlError(Exception):
    """PostgreSQL refuses a statement."""

    def __init__(
        self,
        message: str,
        sqlstate: str,
        *,
        position: int | None = None,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.position = position
        """Where in the statement, in characters from 0, if PostgreSQL says so."""
        self.detail = detail
        self.hint = hint


async def describe(
    connection: Connection, sql: str, promises: Promises = NO_PROMISES
) -> Description:
    """Describe one statement. Raises `SqlError` if PostgreSQL refuses it."""
    [outcome] = await describe_all(connection, [Statement(sql, promises)])
    if isinstance(outcome, SqlError):
        raise outcome
    return outcome


async def describe_all(
    connection: Connection, statements: Sequence[Statement]
) -> list[Description | SqlError]:
    """Describe statements in their order, each on its own: one that fails spoils no other.

    The connection may be inside a transaction, whose changes are then seen; it is left as it was.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        return await _describe_all(connection, statements)
    finally:
        await transaction.rollback()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What PREPARE says of a statement."""

    names: tuple[str, ...]
    parameters: tuple[int, ...]
    results: tuple[int, ...]
    parameter_names: tuple[str, ...]
    """The parameters' types as SQL spells them."""


@dataclass(frozen=True, slots=True)
class _Analysed:
    """The tree of a statement, as text, or why PostgreSQL does not show it."""

    tree: str
    missing: str


async def _describe_all(
    connection: Connection, statements: Sequence[Statement]
) -> list[Description | SqlError]:
    prepared = await _prepare_all(connection, [statement.sql for statement in statements])
    sound = {n: outcome for n, outcome in enumerate(prepared) if isinstance(outcome, _Prepared)}
    analysed = await _analyse_all(
        connection, {n: _function(n, statements[n].sql, sound[n]) for n in sound}
    )
    catalogue = await Catalogue.load(connection, (body.tree for body in analysed.values()))
    types = await load_types(
        connection,
        {oid for outcome in sound.values() for oid in (*outcome.parameters, *outcome.results)},
    )
    return [
        _describe(statements[n], outcome, analysed[n], catalogue, types)
        if isinstance(outcome, _Prepared)
        else outcome
        for n, outcome in enumerate(prepared)
    ]


async def _prepare_all(connection: Connection, sqls: Sequence[str]) -> list[_Prepared | SqlError]:
    await connection.execute(f"SAVEPOINT {_SAVEPOINT}")
    outcomes = [await _prepare(connection, sql) for sql in sqls]
    # They exist as long as something holds them, and only then does the server tell their types.
    statements = [outcome for outcome in outcomes if not isinstance(outcome, SqlError)]
    records = await connection.fetch(
        """
        SELECT name, parameter_types::oid[] AS parameters, parameter_types::text[] AS names,
               coalesce(result_types::oid[], '{}') AS results
        FROM pg_catalog.pg_prepared_statements
        WHERE name = ANY($1::text[])
        """,
        [statement.get_name() for statement in statements],
    )
    types = {record["name"]: record for record in records}
    return [
        outcome if isinstance(outcome, SqlError) else _prepared(outcome, types[outcome.get_name()])
        for outcome in outcomes
    ]


def _prepared(statement: PreparedStatement[asyncpg.Record], types: asyncpg.Record) -> _Prepared:
    return _Prepared(
        names=tuple(attribute.name for attribute in statement.get_attributes()),
        parameters=tuple(types["parameters"]),
        results=tuple(types["results"]),
        parameter_names=tuple(types["names"]),
    )


async def _prepare(
    connection: Connection, sql: str
) -> PreparedStatement[asyncpg.Record] | SqlError:
    """Prepare a statement. PostgreSQL refuses two in one here, so this must come first."""
    try:
        return await connection.prepare(sql)
    except asyncpg.PostgresError as error:
        await connection.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        return _sql_error(error)
    except asyncpg.InternalClientError as error:  # a type of which asyncpg can make nothing
        return SqlError(f"asyncpg: {error}", _FEATURE_NOT_SUPPORTED)


async def _analyse_all(connection: Connection, functions: dict[int, str]) -> dict[int, _Analysed]:
    missing: dict[int, str] = {}
    for number, function in functions.items():
        try:
            await connection.execute(function)
        except asyncpg.PostgresError as error:
            await connection.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            missing[number] = error.message or "it does not say why"
    records = await connection.fetch(
        """
        SELECT substr(proname, 9)::int AS number, prosqlbody::text AS tree
        FROM pg_catalog.pg_proc
        WHERE pronamespace = pg_catalog.pg_my_temp_schema() AND proname ~ '^slipway_[0-9]+$'
        """
    )
    trees = {record["number"]: record["tree"] for record in records}
    return {
        number: _Analysed(trees.get(number) or "", missing.get(number, "")) for number in functions
    }


def _function(number: int, sql: str, prepared: _Prepared) -> str:
    """Make a function of a statement, and a savepoint that keeps those before it.

    The line break ends a comment at the statement's end; an empty statement is allowed.
    """
    parameters = ", ".join(prepared.parameter_names)
    return (
        f"RELEASE SAVEPOINT {_SAVEPOINT}; SAVEPOINT {_SAVEPOINT};"
        f"CREATE FUNCTION pg_temp.slipway_{number}({parameters}) RETURNS void LANGUAGE sql "
        f"BEGIN ATOMIC {sql}\n; END"
    )


def _describe(
    statement: Statement,
    prepared: _Prepared,
    analysed: _Analysed,
    catalogue: Catalogue,
    types: dict[int, SqlType],
) -> Description | SqlError:
    queries = nodetree.parse_nodes(analysed.tree) if analysed.tree else []
    if len(queries) != 1:
        return _describe_unseen(statement, prepared, analysed.missing, types)
    [query] = queries
    try:
        verdicts = Nullability(catalogue, statement.promises).columns(query)
        refused = refused_nulls(query, catalogue)
        rows = cardinality.rows(query, catalogue)
    except RecursionError:
        return _describe_unseen(statement, prepared, "it is nested too deeply", types)
    return Description(
        command=Command(query.integer("commandType")).name,
        parameters=_parameters(prepared, types, refused),
        columns=_columns(prepared, types, verdicts),
        at_least_one_row=rows.at_least_one,
        at_most_one_row=rows.at_most_one,
    )


def _describe_unseen(
    statement: Statement, prepared: _Prepared, missing: str, types: dict[int, SqlType]
) -> Description | SqlError:
    """Describe a statement by its types alone: PostgreSQL analyses no SHOW, for one."""
    if not missing:
        return SqlError("there is no statement", _SYNTAX_ERROR)
    verdict = maybe(f"the statement cannot be analysed: {missing}")
    word = _FIRST_WORD.match(statement.sql)
    return Description(
        command="" if word is None else word[1].upper(),
        parameters=_parameters(prepared, types, {}),
        columns=_columns(prepared, types, [verdict] * len(prepared.results)),
        at_least_one_row=False,
        at_most_one_row=False,
    )


def _parameters(
    prepared: _Prepared, types: dict[int, SqlType], refused: dict[int, str]
) -> tuple[Parameter, ...]:
    parameters: list[Parameter] = []
    for number, oid in enumerate(prepared.parameters, start=1):
        sql_type = types[oid]
        reason = refused.get(number, "")
        if sql_type.not_null:
            reason = f"the domain {sql_type.sql} refuses NULL"
        parameters.append(Parameter(number, sql_type, accepts_null=not reason, reason=reason))
    return tuple(parameters)


def _columns(
    prepared: _Prepared, types: dict[int, SqlType], verdicts: list[Verdict]
) -> tuple[ResultColumn, ...]:
    return tuple(
        ResultColumn(name, types[oid], verdict.nullable, verdict.reason)
        for name, oid, verdict in zip(prepared.names, prepared.results, verdicts, strict=True)
    )


def _sql_error(error: asyncpg.PostgresError) -> SqlError:
    return SqlError(
        error.message or str(error),
        error.sqlstate or "",
        position=int(error.position) - 1 if error.position else None,
        detail=error.detail,
        hint=error.hint,
    )
