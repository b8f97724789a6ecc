"""Keyset pages: a cursor is the id after which the next page begins.

Unlike an offset it stays put while rows come and go, and costs the same on every page.
"""

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Final, Generic, Self, TypeAlias, TypeVar

from fastapi import Query
from pydantic import BaseModel

from app.ids import LAST_ID, parse_id
from app.problems import FieldError, ValidationFailedError

T = TypeVar("T")

Limit: TypeAlias = Annotated[int, Query(ge=1, le=100, description="Items on the page.")]
Cursor: TypeAlias = Annotated[
    str | None,
    Query(max_length=128, description="next_cursor of the page before; left out, the first page."),
]

DEFAULT_LIMIT: Final = 20


class Page(BaseModel, Generic[T]):
    items: Sequence[T]
    next_cursor: str | None
    """Where the next page begins; null on the last one."""

    @classmethod
    def of(cls, rows: Sequence[T], limit: int) -> Self:
        """The first ``limit`` of ``rows``, of which one more was asked for to know if there are
        more. Rows have an ``id``.
        """
        items = rows[:limit]
        more = len(rows) > limit
        return cls(items=items, next_cursor=_cursor(items[-1]) if more else None)


def position(cursor: str | None) -> Any:
    """The id before which a page begins, newest first. Raises `ValidationFailedError`."""
    if cursor is None:
        return LAST_ID
    try:
        return parse_id(base64.urlsafe_b64decode(cursor + "==").decode("ascii"))
    except ValueError:
        error = FieldError(field="cursor", message="is none that this service gave", type="cursor")
        raise ValidationFailedError(errors=[error]) from None


def _cursor(row: Any) -> str:
    return base64.urlsafe_b64encode(str(row.id).encode()).decode().rstrip("=")
