"""Keyset pages: a cursor is the id after which the next page begins.

Unlike an offset it stays put while rows come and go, and costs the same on every page.
"""

import base64
from typing import Annotated, Any, Final, Generic, Self, TypeAlias, TypeVar, cast

from fastapi import Query
from pydantic import BaseModel, Field

from app.fields import DECIMAL
from app.ids import CURSOR_PATTERN, LAST_ID, pack_id, unpack_id
from app.problems import FieldError, ValidationFailedError

T = TypeVar("T")

Limit: TypeAlias = Annotated[
    int, Field(ge=1, le=100), DECIMAL, Query(description="Items on the page.")
]
Cursor: TypeAlias = Annotated[
    # Checked by `position`, which says more than that it does not match.
    Annotated[str, Field(json_schema_extra={"pattern": CURSOR_PATTERN})] | None,
    Query(description="next_cursor of the page before; left out, the first page."),
]

DEFAULT_LIMIT: Final = 20


class Page(BaseModel, Generic[T]):
    """``class PostPage(Page[Post])`` gives it a name in the API's description."""

    items: list[T]
    next_cursor: str | None = Field(
        description="Where the next page begins; null on the last one.", examples=[None]
    )

    @classmethod
    def of(cls, rows: list[T], limit: int) -> Self:
        """The first ``limit`` of ``rows``, of which one more was asked for to know if there are
        more. Rows have an ``id``.
        """
        items = rows[:limit]
        more = len(rows) > limit
        return cls(items=items, next_cursor=_cursor(cast(Any, items[-1]).id) if more else None)


def position(cursor: str | None) -> Any:
    """The id before which a page begins, newest first. Raises `ValidationFailedError`."""
    if cursor is None:
        return LAST_ID
    try:
        id = unpack_id(base64.urlsafe_b64decode(cursor + "=="))
    except ValueError:
        raise _unknown_cursor() from None
    # base64 may be written in more ways than one, and Python reads them all.
    if _cursor(id) != cursor:
        raise _unknown_cursor()
    return id


def _unknown_cursor() -> ValidationFailedError:
    error = FieldError(field="cursor", message="is none that this service gave", type="cursor")
    return ValidationFailedError(errors=[error])


def _cursor(id: Any) -> str:
    return base64.urlsafe_b64encode(pack_id(id)).decode().rstrip("=")
