"""Compares a signature with what PostgreSQL says of the statement."""

import typing
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any, TypeAlias

from app.db.query import Affected, Statement
from tools.checker import pytypes, source, text
from tools.checker.findings import Finding, Place, Severity
from tools.sql import Description, Parameter, ResultColumn

Where: TypeAlias = Callable[[], Place]
"""Finds the place of a finding: most have none to report, and to look for all takes longest."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a return type asks of the statement."""

    annotation: Any
    """Of one row: a row class, or the type of the only column."""
    may_be_missing: bool
    """Whether None stands for no row."""

    @classmethod
    def of(cls, annotation: Any) -> "Result":
        if typing.get_origin(annotation) in (list, AsyncIterator):
            (item,) = typing.get_args(annotation)
            return cls(item, may_be_missing=False)
        optional = pytypes.is_optional(annotation)
        return cls(pytypes.without_none(annotation), may_be_missing=optional)


def check(statement: Statement, description: Description) -> Iterator[Finding]:
    """What the signature promises and the statement does not keep."""
    yield from _parameters(statement, description)
    yield from _unfounded_overrides(statement)
    if statement.result in (type(None), Affected):
        yield from _no_columns(statement, description)
        return
    result = Result.of(statement.result)
    if is_dataclass(result.annotation):
        yield from _row(statement, description, typing.cast(type[Any], result.annotation))
    else:
        yield from _scalar(statement, description, result)


def _parameters(statement: Statement, description: Description) -> Iterator[Finding]:
    given, wanted = len(statement.parameters), len(description.parameters)
    if given != wanted:
        yield _finding(
            statement,
            "parameter-count",
            f"the SQL has {text.count(wanted, 'parameter')}, the function {given} after the first",
            "Every $n is one parameter, in order.",
        )
        return
    pairs = zip(statement.parameters.items(), description.parameters, strict=True)
    for (name, annotation), parameter in pairs:
        yield from _parameter(statement, name, annotation, parameter)


def _parameter(
    statement: Statement, name: str, annotation: Any, parameter: Parameter
) -> Iterator[Finding]:
    where = partial(source.of_parameter, statement.function, name)
    reason = pytypes.mismatch(annotation, parameter.type, is_parameter=True)
    if reason:
        yield _finding(
            statement,
            "parameter-type",
            f"{name}, ${parameter.number}: {reason}",
            f"Change the parameter's type, or cast it in the SQL: ${parameter.number}::…",
            where,
        )
    if pytypes.is_optional(annotation) and not parameter.accepts_null:
        yield _finding(
            statement,
            "optional-parameter",
            f"{name} may be None, but ${parameter.number} may not be NULL: {parameter.reason}",
            f"Declare it as {pytypes.describe(pytypes.without_none(annotation))}, or let the "
            "column hold NULL.",
            where,
        )


def _no_columns(statement: Statement, description: Description) -> Iterator[Finding]:
    if description.columns:
        names = ", ".join(column.name for column in description.columns)
        yield _finding(
            statement,
            "unread-columns",
            f"the statement returns {names}, which the signature does not mention",
            "Declare a result, or leave the columns out.",
            partial(source.of_result, statement.function),
        )
    yield from _unknown_overrides(statement, [])


def _row(statement: Statement, description: Description, row: type[Any]) -> Iterator[Finding]:
    hints = typing.get_type_hints(row, include_extras=True)
    declared = [field.name for field in fields(row)]
    returned = [column.name for column in description.columns]
    if declared != returned:
        yield _columns_differ(statement, row, declared, returned)
    yield from _unknown_overrides(statement, returned)
    for column in description.columns:
        if column.name in hints and returned.count(column.name) == 1:
            where = partial(source.of_field, row, column.name)
            label = f"{row.__name__}.{column.name}"
            yield from _column(statement, column, hints[column.name], label, where)


def _columns_differ(
    statement: Statement, row: type[Any], declared: list[str], returned: list[str]
) -> Finding:
    missing = [name for name in declared if name not in returned]
    surplus = [name for name in returned if name not in declared]
    if missing:
        message = f"the statement does not return {', '.join(missing)}, which {row.__name__} has"
    elif surplus:
        message = f"the statement returns {', '.join(surplus)}, which {row.__name__} lacks"
    elif len(returned) != len(set(returned)):
        twice = sorted({name for name in returned if returned.count(name) > 1})
        message = f"the statement returns {', '.join(twice)} more than once"
    else:
        message = f"the columns are in another order than the fields of {row.__name__}"
    remedy = f"{row.__name__} has {', '.join(declared)}; the statement, {', '.join(returned)}."
    where = partial(source.of_result, statement.function)
    return _finding(statement, "columns", message, remedy, where)


def _scalar(statement: Statement, description: Description, result: Result) -> Iterator[Finding]:
    where = partial(source.of_result, statement.function)
    returned = [column.name for column in description.columns]
    annotation = statement.result if result.may_be_missing else result.annotation
    if len(returned) != 1:
        yield _finding(
            statement,
            "columns",
            f"the statement returns {text.count(len(returned), 'column')}, where the signature "
            f"says {pytypes.describe(annotation)}, one value",
            "Declare a row class for several columns, or None for none.",
            where,
        )
        return
    yield from _unknown_overrides(statement, returned)
    (column,) = description.columns
    if result.may_be_missing and description.at_least_one_row and not column.nullable:
        yield _unneeded_none(statement, "the result", "there is always a row", where)
    optional_is_no_row = result.may_be_missing and not column.nullable
    judged = result.annotation if optional_is_no_row else annotation
    yield from _column(statement, column, judged, "the result", where)


def _column(
    statement: Statement, column: ResultColumn, annotation: Any, label: str, where: Where
) -> Iterator[Finding]:
    mismatch = pytypes.mismatch(annotation, column.type)
    if mismatch:
        yield _finding(
            statement,
            "column-type",
            f"{label}: {mismatch}",
            f"Change the type, or cast {column.name} in the SQL.",
            where,
        )
    overridden = column.name in statement.not_null
    optional = pytypes.is_optional(annotation)
    if overridden and not column.nullable:
        yield _finding(
            statement,
            "unneeded-override",
            f"not_null names {column.name}, which can't be NULL anyway: {column.reason}",
            "Remove the override.",
        )
    if column.nullable and not optional and not overridden:
        yield _finding(
            statement,
            "nullable-column",
            f"{label} can be NULL: {column.reason}",
            f"Declare it as {pytypes.describe(annotation)} | None, or have the SQL rule it out.",
            where,
        )
    if optional and (overridden or not column.nullable):
        yield _unneeded_none(statement, label, column.reason, where)


def _unneeded_none(statement: Statement, label: str, reason: str, where: Where) -> Finding:
    return _finding(
        statement,
        "unneeded-none",
        f"{label} is declared with | None, but is never NULL: {reason}",
        "Leave | None out, and callers need not look.",
        where,
        Severity.WARNING,
    )


def _unfounded_overrides(statement: Statement) -> Iterator[Finding]:
    for name, reason in statement.not_null.items():
        if not reason.strip():
            yield _finding(
                statement,
                "unfounded-override",
                f"not_null gives no reason for {name}",
                "Say why it is never NULL, for whoever changes the query.",
            )


def _unknown_overrides(statement: Statement, returned: list[str]) -> Iterator[Finding]:
    for name in statement.not_null:
        if name not in returned:
            yield _finding(
                statement,
                "unneeded-override",
                f"not_null names {name}, which the statement does not return",
                "Remove the override.",
            )


def _finding(
    statement: Statement,
    code: str,
    message: str,
    remedy: str,
    where: Where | None = None,
    severity: Severity = Severity.ERROR,
) -> Finding:
    return Finding.at(
        where() if where else source.of_function(statement.function),
        code=code,
        message=message,
        help=remedy,
        query=statement.name,
        severity=severity,
    )
