"""The fields of a resource: ``title:line``, ``price:numeric?``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.fields import RequestModel
from tools.scaffold import names
from tools.scaffold.names import Refusal

OWN: Final = ("id", "owner_id", "created_at", "updated_at")
"""The columns that every resource has."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of fields: in SQL, in a row, in a request; and values for tests, as Python or JSON."""

    sql: str
    row: str
    request: str
    """Its name in `app.fields`, or in ``imported``."""
    value: str
    another: str
    wrong: str
    imported: str = ""
    """The statement that ``row`` needs."""


KINDS: Final = {
    "line": Kind("text", "str", "Line", '"One line."', '"Another line."', '"Two\\nlines."'),
    "text": Kind("text", "str", "Text", '"Two\\nlines."', '"Another text."', '""'),
    "int": Kind("integer", "int", "Integer", "1", "-2", "2**31"),
    "bigint": Kind("bigint", "int", "BigInteger", "2**40", "-2", "2**53"),
    "bool": Kind("boolean", "bool", "Boolean", "True", "False", '"yes"'),
    "numeric": Kind(
        *("numeric", "Decimal", "Numeric", '"12.50"', '"-0.000001"', "12.5"),
        imported="from decimal import Decimal",
    ),
    "date": Kind(
        *("date", "datetime.date", "Date", '"2026-01-31"', '"2024-02-29"', '"2026-02-29"'),
        imported="import datetime",
    ),
    "timestamptz": Kind(
        *("timestamptz", "AwareDatetime", "Timestamp"),
        *('"2026-01-31T12:00:00Z"', '"2024-02-29T23:59:59Z"', '"2026-01-31T12:00:00"'),
    ),
    "uuid": Kind(
        *("uuid", "UUID", "UUID", f'"{"1" * 8}-1111-4111-8111-{"1" * 12}"'),
        *(f'"{"2" * 8}-2222-4222-8222-{"2" * 12}"', '"1"'),
        imported="from uuid import UUID",
    ),
}

_TAKEN: Final = frozenset({"db", "datetime"})
"""Names in the code that a field's would hide."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    optional: bool


def parse(texts: Sequence[str]) -> list[Field]:
    """Read the fields. Raises `Refusal` for the first that won't do."""
    if not texts:
        raise Refusal("say which fields it has: one or more such as title:line or price:numeric?")
    fields = [_parse(text) for text in texts]
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise Refusal(f"{field.name!r} is there twice: leave one of them out")
        seen.add(field.name)
    return fields


def _parse(text: str) -> Field:
    name, colon, kind = text.partition(":")
    if not colon:
        raise Refusal(f"{text!r} has no type: write {name}:line, say; types are {_types()}")
    optional = kind.endswith("?")
    kind = kind.removesuffix("?")
    if kind not in KINDS:
        raise Refusal(f"{text!r}: there is no type {kind!r}; take one of {_types()}")
    _check(name)
    return Field(name, KINDS[kind], optional)


def _check(name: str) -> None:
    names.check(name)
    if name in OWN:
        raise Refusal(f"{name!r} is a column that every resource has: leave it out")
    if name in _TAKEN or hasattr(RequestModel, name):
        raise Refusal(f"{name!r} means something else in the code: choose another name")


def _types() -> str:
    return f"{', '.join(KINDS)}, each with ? where it is optional"
