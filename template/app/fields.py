"""The kinds of text that a request may carry, each with its bounds.

PostgreSQL's text can't hold U+0000, so no field lets it through.
"""

import re
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
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
