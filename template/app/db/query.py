"""Typed SQL: a function whose signature is the contract of one statement.

    @row
    class User:
        id: UserId
        email: str

    @query("SELECT id, email FROM users WHERE id = $1")
    async def find_user(db: Db, id: UserId) -> User | None: ...

The function's parameters after the first are ``$1``, ``$2``, … in order. Its return type says how
many rows there may be and what becomes of them:

================  ==========================================================================
``T``             exactly one row: `NoRowError` for none, `TooManyRowsError` for a second
``T | None``      at most one row: `TooManyRowsError` for a second
``list[T]``       all rows
``Affected``      the number of rows that the statement inserted, updated or deleted
``None``          nothing
================  ==========================================================================

where ``T`` is a `row` class, or the type of a single column. `stream` reads rows through a cursor.

Everything about a signature is worked out once, when the module is imported.
"""

import functools
import inspect
import linecache
import operator
import types
import typing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, Final, LiteralString, NewType, ParamSpec, Protocol, TypeVar

from asyncpg import Record
from asyncpg.cursor import CursorFactory
from pydantic import TypeAdapter

P = ParamSpec("P")
T = TypeVar("T")

Affected = NewType("Affected", int)
"""The number of rows that a statement inserted, updated or deleted."""


class _JsonbMarker:
    """Marks a column or parameter that is `jsonb` in PostgreSQL."""


Jsonb = Annotated[T, _JsonbMarker()]
"""``Jsonb[Preferences]``: a jsonb column or parameter, validated as the Python type it declares."""


class QueryError(Exception):
    """A statement answered with a number of rows that its signature rules out."""


class NoRowError(QueryError):
    """No row, where the signature promises exactly one."""


class TooManyRowsError(QueryError):
    """More rows than one, where the signature allows at most one."""


class Db(Protocol):
    """What a query runs on: the `Database`, or the connection of a transaction."""

    async def fetch(self, query: str, /, *args: Any) -> list[Record]: ...

    async def execute(self, query: str, /, *args: Any) -> str: ...


class Transaction(Db, Protocol):
    """A connection inside ``async with database.transaction()``."""

    def cursor(self, query: str, /, *args: Any, prefetch: int | None = None) -> CursorFactory: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """What `query` knows of a decorated function; the SQL checker reads it."""

    name: str
    sql: str
    function: Callable[..., Any]
    parameters: Mapping[str, Any]
    result: Any
    not_null: Mapping[str, str]
    """Columns that PostgreSQL can't know to be never NULL, each with the reason why they are."""


STATEMENTS: Final[list[Statement]] = []
"""Every statement of the modules imported so far, in order of definition."""


@typing.dataclass_transform(frozen_default=True)
def row(cls: type[T]) -> type[T]:
    """Declare the columns of a result: one field a column, in the order of the SELECT list."""
    return dataclass(frozen=True, slots=True)(cls)


def query(
    sql: LiteralString, /, *, not_null: Mapping[str, str] | None = None
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Turn a function with an empty body into the execution of ``sql``.

    ``not_null`` names columns that are never NULL although the SQL checker can't see it, each with
    the reason.
    """

    def decorate(
        function: Callable[P, Coroutine[Any, Any, T]],
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        statement = _register(sql, function, not_null or {})
        if typing.get_origin(statement.result) is AsyncIterator:
            raise TypeError(f"{statement.name} returns AsyncIterator[…]: make it a stream")
        call = _compile(_template(statement.result), statement)
        return typing.cast(Callable[P, Coroutine[Any, Any, T]], call)

    return decorate


def stream(
    sql: LiteralString, /, *, prefetch: int = 100, not_null: Mapping[str, str] | None = None
) -> Callable[[Callable[P, AsyncIterator[T]]], Callable[P, AsyncIterator[T]]]:
    """Turn a function with an empty body into a server-side cursor over ``sql``.

    The function takes a `Transaction`, outside of which PostgreSQL keeps no cursor, and is declared
    with ``def``. Rows are fetched ``prefetch`` at a time.
    """

    def decorate(function: Callable[P, AsyncIterator[T]]) -> Callable[P, AsyncIterator[T]]:
        statement = _register(sql, function, not_null or {})
        if typing.get_origin(statement.result) is not AsyncIterator:
            raise TypeError(f"{statement.name} is a stream: it returns AsyncIterator[…]")
        call = _compile(_STREAM, statement, __prefetch=prefetch)
        return typing.cast(Callable[P, AsyncIterator[T]], call)

    return decorate


def _register(sql: str, function: Callable[..., Any], not_null: Mapping[str, str]) -> Statement:
    hints = typing.get_type_hints(function, include_extras=True)
    names = list(inspect.signature(function).parameters)
    module = function.__module__.removeprefix("app.").removesuffix(".queries")
    statement = Statement(
        name=f"{module}.{function.__name__}",
        sql=sql,
        function=function,
        parameters={name: hints[name] for name in names[1:]},
        result=hints["return"],
        not_null=not_null,
    )
    STATEMENTS.append(statement)
    return statement


# The code of a call is compiled from what somebody would write by hand, so that it costs what that
# costs; dataclasses are made in the same way. All that the application adds to it are identifiers,
# those of the function's signature. Names that begin with two underscores are ours.
_NOTHING: Final = """
async def {signature}:
    await {db}.execute({arguments})
"""
_AFFECTED: Final = """
async def {signature}:
    return __affected(await {db}.execute({arguments}))
"""
_ONE: Final = """
async def {signature}:
    records = await {db}.fetch({arguments})
    try:
        (record,) = records
    except ValueError:
        raise __not_one(records) from None
    return {value}
"""
_AT_MOST_ONE: Final = """
async def {signature}:
    records = await {db}.fetch({arguments})
    if not records:
        return None
    try:
        (record,) = records
    except ValueError:
        raise __not_one(records) from None
    return {value}
"""
_MANY: Final = """
async def {signature}:
    return [{value} for record in await {db}.fetch({arguments})]
"""
_ROW: Final = """
def make({fields}):
    __row = __new(__open)
    {assignments}
    __row.__class__ = __closed
    return __row
"""
_STREAM: Final = """
async def {signature}:
    async for record in {db}.cursor({arguments}, prefetch=__prefetch):
        yield {value}
"""


def _template(result: Any) -> str:
    """Choose, by the return type, how the statement is run and what becomes of its rows."""
    if result is type(None):
        return _NOTHING
    if result is Affected:
        return _AFFECTED
    if typing.get_origin(result) is list:
        return _MANY
    return _AT_MOST_ONE if _is_optional(result) else _ONE


def _compile(template: str, statement: Statement, **own: Any) -> Callable[..., Any]:
    """Make the function that runs the statement, with the signature of the one that declares it."""
    function = statement.function
    signature = inspect.signature(function)
    names = {
        "__sql": statement.sql,
        "__affected": _affected,
        "__not_one": functools.partial(_not_one, statement),
        **own,
    }
    code = template.format(
        signature=f"{function.__name__}{_bare(signature)}",
        db=next(iter(signature.parameters)),
        arguments=", ".join(["__sql", *_arguments(statement, names)]),
        value=_value(statement.result, names),
    )
    file = f"<query {statement.name}>"
    exec(compile(code, file, "exec"), names)  # noqa: S102 -- see above
    # What a traceback shows of it.
    linecache.cache[file] = len(code), None, code.splitlines(keepends=True), file
    call: Callable[..., Any] = names[function.__name__]
    call.__defaults__ = function.__defaults__
    call.__kwdefaults__ = function.__kwdefaults__
    return functools.update_wrapper(call, function)


def _bare(signature: inspect.Signature) -> inspect.Signature:
    """The signature without types and defaults."""
    empty = inspect.Parameter.empty
    parameters = [
        parameter.replace(annotation=empty, default=empty)
        for parameter in signature.parameters.values()
    ]
    return inspect.Signature(parameters)


def _arguments(statement: Statement, names: dict[str, Any]) -> Iterator[str]:
    """An expression for each parameter of the SQL."""
    for name, annotation in statement.parameters.items():
        yield _converted(name, _encoder(annotation), names)


def _value(result: Any, names: dict[str, Any]) -> str:
    """The expression that turns a `record` into a `row` instance, or into its only column."""
    many = typing.get_origin(result) in (list, AsyncIterator)
    item = typing.get_args(result)[0] if many else result
    make = _without_none(item)
    if not is_dataclass(make):
        # With its None, which then stands for NULL as well as for no row.
        return _converted("record[0]", _decoder(item), names)
    names["__row"] = _maker(typing.cast(type, make))
    hints = typing.get_type_hints(make, include_extras=True)
    decoders = [_decoder(hints[field.name]) for field in fields(make)]
    if not any(decoders):
        return "__row(*record)"
    columns = [_converted(f"record[{n}]", decode, names) for n, decode in enumerate(decoders)]
    return f"__row({', '.join(columns)})"


@functools.cache
def _maker(row: type) -> Callable[..., Any]:
    """What makes a row of its columns.

    A frozen dataclass sets its fields one by one through `object.__setattr__`, three quarters of
    what it takes to make one. So a row is filled while it is of a subclass that is not frozen.
    """
    if hasattr(row, "__post_init__"):
        return row
    assignable = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    names: dict[str, Any] = {
        "__new": object.__new__,
        "__open": type(row.__name__, (row,), {"__slots__": (), **assignable}),
        "__closed": row,
    }
    columns = [field.name for field in fields(row)]
    code = _ROW.format(
        fields=", ".join(columns),
        assignments="; ".join(f"__row.{name} = {name}" for name in columns),
    )
    exec(code, names)  # noqa: S102 -- see above
    make: Callable[..., Any] = names["make"]
    return make


def _converted(expression: str, convert: Callable[[Any], Any] | None, names: dict[str, Any]) -> str:
    if convert is None:
        return expression
    name = f"__convert_{len(names)}"
    names[name] = convert
    return f"{name}({expression})"


def _affected(tag: str) -> Affected:
    """The number at the end of a command tag, such as ``UPDATE 3``."""
    return Affected(int(tag.rpartition(" ")[2]))


def _not_one(statement: Statement, records: Sequence[Record]) -> QueryError:
    error = TooManyRowsError if records else NoRowError
    return error(f"{statement.name} returned {len(records)} rows, not one")


def _decoder(annotation: Any) -> Callable[[Any], Any] | None:
    """The conversion that asyncpg does not do by itself: enums and declared jsonb."""
    inner = _without_none(annotation)
    decode: Callable[[Any], Any]
    if _is_jsonb(inner):
        decode = TypeAdapter(inner).validate_json
    elif isinstance(inner, type) and issubclass(inner, Enum):
        decode = inner
    else:
        return None
    if not _is_optional(annotation):
        return decode
    return lambda value: None if value is None else decode(value)


def _encoder(annotation: Any) -> Callable[[Any], Any] | None:
    inner = _without_none(annotation)
    if not _is_jsonb(inner):
        return None
    adapter = TypeAdapter[Any](inner)
    return lambda value: None if value is None else adapter.dump_json(value).decode()


def _is_jsonb(annotation: Any) -> bool:
    metadata = getattr(annotation, "__metadata__", ())
    return any(isinstance(item, _JsonbMarker) for item in metadata)


def _is_optional(annotation: Any) -> bool:
    return type(None) in typing.get_args(annotation) and _is_union(annotation)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _without_none(annotation: Any) -> Any:
    """``X`` for ``X | None``; anything else as it is."""
    if not _is_optional(annotation):
        return annotation
    members = [item for item in typing.get_args(annotation) if item is not type(None)]
    return functools.reduce(operator.or_, members)
