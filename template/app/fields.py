"""The kinds of text that a request may carry, each with its bounds.

PostgreSQL's text can't hold U+0000, so no field lets it through.
"""

from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

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

_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]*$"

Name: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_NO_CONTROL),
    Field(examples=["Ada Lovelace"]),
]

Line: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_NO_CONTROL),
]

Text: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=50_000, pattern=r"^[^\x00]*$")
]

NewPassword: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=12, max_length=128),
    Field(description="Any characters.", examples=["correct horse battery staple"]),
]
"""NIST SP 800-63B, section 3.1.1.2: length is what counts."""

Password: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=512)]
"""A password to be compared: the rules hold where one is set, and decomposed Unicode is longer."""


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("may be left out, but not null")
    return value


Omittable: TypeAlias = Annotated[T | SkipJsonSchema[None], BeforeValidator(_not_null)]
"""A field of a PATCH: left out, it stays as it is (``None`` in Python); it can't be null."""


class RequestModel(BaseModel):
    """A request's body. A field it does not know is a mistake of the caller's, and said so."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
