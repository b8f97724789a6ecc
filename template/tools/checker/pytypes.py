"""Which Python type stands for which type of PostgreSQL, as asyncpg converts them.

See asyncpg's documentation, "Type Conversion". Where it is looser than the types (an int is taken
for a numeric parameter, a str for an enum), this is not: what is read back would differ.
"""

import datetime
import decimal
import enum
import types
import typing
import uuid
from typing import Any, Final

import asyncpg
import pydantic

from app.db.query import Jsonb
from tools.sql import Kind, SqlType

_JSONB: Final = typing.get_args(Jsonb[object])[1].__class__

_BASE: Final[dict[Any, frozenset[str]]] = {
    bool: frozenset({"boolean"}),
    int: frozenset({"smallint", "integer", "bigint", "oid"}),
    float: frozenset({"real", "double precision"}),
    decimal.Decimal: frozenset({"numeric"}),
    str: frozenset(
        {"text", "character varying", "character", '"char"', "name", "citext", "xml", "tsvector"}
    ),
    bytes: frozenset({"bytea"}),
    uuid.UUID: frozenset({"uuid"}),
    datetime.date: frozenset({"date"}),
    datetime.time: frozenset({"time without time zone", "time with time zone"}),
    datetime.timedelta: frozenset({"interval"}),
    pydantic.AwareDatetime: frozenset({"timestamp with time zone"}),
    pydantic.NaiveDatetime: frozenset({"timestamp without time zone"}),
    asyncpg.BitString: frozenset({"bit", "bit varying"}),
}


def mismatch(annotation: Any, sql_type: SqlType, *, is_parameter: bool = False) -> str | None:
    """Why the annotation does not stand for the type, as a sentence; None where it does.

    Whether it is optional is another question: see `is_optional`.
    """
    python, jsonb = _plain(annotation)
    if sql_type.kind is Kind.DOMAIN and sql_type.part:
        return mismatch(annotation, sql_type.part, is_parameter=is_parameter)
    if sql_type.sql in ("json", "jsonb"):
        return (
            None if jsonb else f"{sql_type.sql} wants its type declared, as in Jsonb[Preferences]"
        )
    if jsonb:
        return f"Jsonb[…] stands for jsonb, not for {sql_type.sql}"
    if sql_type.kind is Kind.ENUM:
        return _enum_mismatch(python, sql_type)
    if sql_type.kind is Kind.ARRAY and sql_type.part:
        return _array_mismatch(python, sql_type, is_parameter)
    if sql_type.kind is Kind.RANGE:
        return None if _is_range(python) else f"{sql_type.sql} is asyncpg.Range in Python"
    if python is datetime.datetime:
        return (
            "datetime does not say whether it has a time zone: use AwareDatetime or NaiveDatetime"
        )
    if _is_str_enum(python) and sql_type.sql in _BASE[str]:
        return None if is_parameter else _text_mismatch(python, sql_type)
    if sql_type.sql in _BASE.get(python, ()):
        return None
    return f"{describe(annotation)} does not stand for {sql_type.sql}{_suggestion(sql_type)}"


def is_optional(annotation: Any) -> bool:
    """Whether None is allowed."""
    return types.NoneType in typing.get_args(annotation) and _is_union(annotation)


def without_none(annotation: Any) -> Any:
    """``X`` for ``X | None``."""
    if not is_optional(annotation):
        return annotation
    first, *others = (item for item in typing.get_args(annotation) if item is not types.NoneType)
    for other in others:
        first = first | other
    return first


def describe(annotation: Any) -> str:
    """The annotation as somebody would write it."""
    if annotation is None or annotation is types.NoneType:
        return "None"
    if is_optional(annotation):
        return f"{describe(without_none(annotation))} | None"
    if isinstance(annotation, typing.NewType):
        return str(annotation.__name__)
    if typing.get_origin(annotation) is list:
        return f"list[{describe(typing.get_args(annotation)[0])}]"
    if isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _plain(annotation: Any) -> tuple[Any, bool]:
    """The type without its names and notes, and whether it was marked as jsonb."""
    jsonb = False
    annotation = without_none(annotation)
    while True:
        if isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif typing.get_origin(annotation) is typing.Annotated:
            annotation, *notes = typing.get_args(annotation)
            jsonb = jsonb or any(isinstance(note, _JSONB) for note in notes)
        else:
            return annotation, jsonb


def _enum_mismatch(python: Any, sql_type: SqlType) -> str | None:
    if not _is_str_enum(python):
        return f"{sql_type.sql} is an enum: use a StrEnum with {_quoted(sql_type.labels)}"
    ours = [member.value for member in python]
    lacking = [label for label in sql_type.labels if label not in ours]
    surplus = [label for label in ours if label not in sql_type.labels]
    if lacking:
        return f"{python.__name__} lacks {_quoted(lacking)}, which {sql_type.sql} has"
    if surplus:
        return f"{python.__name__} has {_quoted(surplus)}, which {sql_type.sql} lacks"
    return None


def _text_mismatch(python: Any, sql_type: SqlType) -> str:
    """A member goes into a text; but what comes out of one may be no member."""
    return (
        f"{sql_type.sql} can hold what {python.__name__} lacks: make the column an enum, or use str"
    )


def _is_str_enum(python: Any) -> bool:
    return isinstance(python, type) and issubclass(python, enum.StrEnum)


def _array_mismatch(python: Any, sql_type: SqlType, is_parameter: bool) -> str | None:
    if typing.get_origin(python) is not list:
        return f"{sql_type.sql} is a list in Python, not {describe(python)}"
    (element,) = typing.get_args(python)
    assert sql_type.part is not None  # noqa: S101 -- for the type checker
    return mismatch(element, sql_type.part, is_parameter=is_parameter)


def _is_range(python: Any) -> bool:
    return (typing.get_origin(python) or python) is asyncpg.Range


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _suggestion(sql_type: SqlType) -> str:
    fitting = [describe(python) for python, names in _BASE.items() if sql_type.sql in names]
    return f": use {fitting[0]}" if fitting else ""


def _quoted(labels: typing.Iterable[str]) -> str:
    return ", ".join(f'"{label}"' for label in labels)
