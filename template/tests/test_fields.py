"""The kinds of values that a request may carry: what is taken, and as what."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app import fields


@pytest.mark.parametrize(
    ("kind", "given", "taken"),
    [
        ("Integer", -(2**31), -(2**31)),
        ("Integer", 1.0, 1),  # an integer, says JSON Schema
        ("BigInteger", 2**53 - 1, 2**53 - 1),
        ("Boolean", False, False),
        ("Numeric", "-12.50", Decimal("-12.50")),
        ("Numeric", "999999999999999.999999", Decimal("999999999999999.999999")),
        ("Date", "2024-02-29", date(2024, 2, 29)),
        ("Timestamp", "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("Timestamp", "2026-01-31T13:00:00.5+01:00", datetime(2026, 1, 31, 12, 0, 0, 500000, UTC)),
    ],
    ids=repr,
)
def test_is_taken_as_it_is(kind: str, given: Any, taken: Any) -> None:
    found = TypeAdapter(getattr(fields, kind)).validate_python(given)

    assert (found, str(found)) == (taken, str(taken))


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("Integer", 2**31),
        ("Integer", "1"),
        ("Integer", True),
        ("BigInteger", 2**53),
        ("BigInteger", 1.5),
        ("Boolean", "true"),
        ("Boolean", 1),
        ("Numeric", 12.5),
        ("Numeric", "1e5"),
        ("Numeric", "NaN"),
        ("Numeric", "1" * 16),
        ("Numeric", "0.0000001"),
        ("Date", "2026-02-29"),
        ("Date", "2026-02-28T00:00:00"),
        ("Date", 0),
        ("Timestamp", "2026-01-31T12:00:00"),
        ("Timestamp", "2026-01-31"),
        ("Timestamp", "1769860800"),
        ("Timestamp", 1769860800),
        ("Timestamp", "0001-01-01T00:00:00+14:00"),
        ("Timestamp", "9999-12-31T23:59:59-14:00"),
    ],
    ids=repr,
)
def test_is_refused(kind: str, given: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(getattr(fields, kind)).validate_python(given)
