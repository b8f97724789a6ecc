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
import operator
import types
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Turn a function with an empty body into the execution of ``sql``.

    ``not_null`` names columns that are never NULL although the SQL checker can't see it, each with
    the reason.
    """

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        statement = _register(sql, function, not_null or {})
        bind = _binder(statement)
        run = _runner(statement)

        async def call(db: Db, /, *args: Any, **kwargs: Any) -> Any:
            return await run(db, bind(args, kwargs))

        return typing.cast(Callable[P, Awaitable[T]], functools.update_wrapper(call, function))

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
        bind = _binder(statement)
        (item,) = typing.get_args(statement.result)
        read = _reader(item)

        async def call(db: Transaction, /, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for record in db.cursor(sql, *bind(args, kwargs), prefetch=prefetch):
                yield read(record)

        return typing.cast(Callable[P, AsyncIterator[T]], functools.update_wrapper(call, function))

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


def _binder(
    statement: Statement,
) -> Callable[[tuple[Any, ...], dict[str, Any]], Sequence[Any]]:
    """Bring the arguments of a call into the order of the SQL's parameters."""
    names = list(statement.parameters)
    encoders = [
        (index, encode)
        for index, annotation in enumerate(statement.parameters.values())
        if (encode := _encoder(annotation))
    ]

    def positional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        if not kwargs and len(args) == len(names):
            return args
        missing = names[len(args) :]
        if len(args) > len(names) or set(kwargs) != set(missing):
            expected = ", ".join(names) or "no parameters"
            raise TypeError(f"{statement.name}() takes {expected}")
        return [*args, *(kwargs[name] for name in missing)]

    if not encoders:
        return positional

    def encoding(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        values = list(positional(args, kwargs))
        for index, encode in encoders:
            values[index] = encode(values[index])
        return values

    return encoding


def _runner(statement: Statement) -> Callable[[Db, Sequence[Any]], Awaitable[Any]]:
    """Choose, by the return type, how the statement is run and what becomes of its rows."""
    sql, result = statement.sql, statement.result

    async def discard(db: Db, args: Sequence[Any]) -> None:
        await db.execute(sql, *args)

    async def affected(db: Db, args: Sequence[Any]) -> Affected:
        tag = await db.execute(sql, *args)
        return Affected(int(tag.rpartition(" ")[2]))

    if result is type(None):
        return discard
    if result is Affected:
        return affected

    many = typing.get_origin(result) is list
    optional = not many and _is_optional(result)
    read = _reader(typing.get_args(result)[0] if many else result)

    async def every(db: Db, args: Sequence[Any]) -> list[Any]:
        return [read(record) for record in await db.fetch(sql, *args)]

    async def at_most_one(db: Db, args: Sequence[Any]) -> Any:
        records = await db.fetch(sql, *args)
        if not records:
            return None
        if len(records) > 1:
            raise TooManyRowsError(f"{statement.name} returned {len(records)} rows, not one")
        return read(records[0])

    async def exactly_one(db: Db, args: Sequence[Any]) -> Any:
        records = await db.fetch(sql, *args)
        if len(records) != 1:
            error = TooManyRowsError if records else NoRowError
            raise error(f"{statement.name} returned {len(records)} rows, not one")
        return read(records[0])

    if many:
        return every
    return at_most_one if optional else exactly_one


def _reader(target: Any) -> Callable[[Record], Any]:
    """Make the function that turns a record into a `row` instance, or into its only column."""
    inner = _without_none(target)
    if not is_dataclass(inner):
        # With its None, which then stands for NULL as well as for no row.
        decode = _decoder(target)
        return (lambda record: decode(record[0])) if decode else (lambda record: record[0])

    make = typing.cast(type[Any], inner)
    hints = typing.get_type_hints(make, include_extras=True)
    decoders = [
        (index, decode)
        for index, field in enumerate(fields(make))
        if (decode := _decoder(hints[field.name]))
    ]
    if not decoders:
        return lambda record: make(*record)

    def read(record: Record) -> Any:
        values = list(record)
        for index, decode in decoders:
            values[index] = decode(values[index])
        return make(*values)

    return read


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
