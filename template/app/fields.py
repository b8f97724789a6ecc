"""The kinds of values that a request may carry, each with its bounds.

They are those of PostgreSQL: its text, say, can't hold U+0000, so no field lets it through.
"""

import datetime
import re
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticKnownError

from app.auth.password_rules import normalised, refuse_common

T = TypeVar("T")

_EMAIL: Final = (
    r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$"
)
"""HTML's "valid e-mail address" (WHATWG, section 4.10.5.1.5), with a dot in the domain."""

Email: TypeAlias = Annotated[
    str, StringConstraints(max_length=254, pattern=_EMAIL), Field(examples=["ada@example.com"])
]

_PRINTABLE: Final = r"[^\x00-\x1f\x7f-\x9f]"
_LINE: Final = rf"^{_PRINTABLE}*[^\x00-\x1f\x7f-\x9f\s]{_PRINTABLE}*$"
"""No control characters, and something to be seen."""

# Stripped once they have been checked: what is described is then what is taken.

Name: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=_LINE),
    AfterValidator(str.strip),
    Field(examples=["Ada Lovelace"]),
]

Line: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=_LINE),
    AfterValidator(str.strip),
    Field(examples=["Notes on the Analytical Engine"]),
]

Text: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=50_000, pattern=r"^[^\x00]*$"),
    Field(examples=["It might act upon other things besides number."]),
]


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise PydanticKnownError("int_type")
    return value


_INTEGER: Final = BeforeValidator(_number)
"""For an ``int`` in a body: pydantic alone takes ``true`` and ``"1"``, too. Behind the bounds."""

Integer: TypeAlias = Annotated[int, Field(ge=-(2**31), le=2**31 - 1, examples=[1]), _INTEGER]
"""PostgreSQL's integer."""

BigInteger: TypeAlias = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1, examples=[1]), _INTEGER]
"""What of PostgreSQL's bigint every reader of JSON takes as it is (RFC 8259, section 6)."""

Boolean: TypeAlias = Annotated[bool, Field(strict=True, examples=[True])]


def _written(pattern: str, example: str) -> BeforeValidator:
    """Take a string of this form alone: pydantic by itself reads numbers as dates, and more."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"is no string like {example}")
        return value

    return BeforeValidator(check)


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    try:
        return moment.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueError("is before the first year or after the last") from None


_NUMERIC: Final = r"-?[0-9]{1,15}(\.[0-9]{1,6})?"
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"

Numeric: TypeAlias = Annotated[
    Decimal,
    _written(_NUMERIC, "12.50"),
    WithJsonSchema({"type": "string", "pattern": f"^{_NUMERIC}$", "examples": ["12.50"]}),
]
"""An exact number, as a string: whoever reads JSON may round its numbers."""

Date: TypeAlias = Annotated[
    datetime.date, _written(_DAY, "2026-01-31"), Field(examples=["2026-01-31"])
]

Timestamp: TypeAlias = Annotated[
    AwareDatetime,
    _written(rf"{_DAY}[Tt]{_TIME}", "2026-01-31T12:00:00Z"),
    AfterValidator(_in_utc),
]
"""A moment, as RFC 3339 has it."""


def _normalise(password: Any) -> Any:
    return normalised(password) if isinstance(password, str) else password


NewPassword: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=12, max_length=128),
    BeforeValidator(_normalise),
    AfterValidator(refuse_common),
    Field(
        description="Any characters, but none of the most common passwords.",
        examples=["correct horse battery staple"],
    ),
]
"""In Unicode's form NFC, in which its characters are counted. See `app.auth.password_rules`."""

Password: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    Field(examples=["correct horse battery staple"]),
]
"""A password to be compared: the rules hold where one is set, and decomposed Unicode is longer."""


_DECIMAL: Final = re.compile(r"0|-?[1-9][0-9]*")


def _decimal(value: Any) -> Any:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise PydanticKnownError("int_parsing")
    return value


DECIMAL: Final = BeforeValidator(_decimal)
"""For an ``int`` in a path or a query: pydantic alone takes ``1_0``, ``+1`` and ``1.0``, too.

It stands behind the bounds: pydantic describes those before it wrongly, as ``ge`` and ``le``.
"""


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("may be left out, but not null")
    return value


Omittable: TypeAlias = Annotated[T | SkipJsonSchema[None], BeforeValidator(_not_null)]
"""A field of a PATCH: left out, it stays as it is (``None`` in Python); it can't be null."""


class RequestModel(BaseModel):
    """A request's body. A field it does not know is a mistake of the caller's, and said so."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
