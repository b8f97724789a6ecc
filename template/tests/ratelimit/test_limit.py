"""The notation of limits."""

import pytest

from app.ratelimit import RateLimit

MINUTE = 60
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("10 per 15 minutes", RateLimit(10, 15 * MINUTE)),
        ("1 per second", RateLimit(1, 1)),
        ("100 per hour", RateLimit(100, 60 * MINUTE)),
        ("5 per 2 days", RateLimit(5, 2 * DAY)),
        (" 10  Per 1 Minute ", RateLimit(10, MINUTE)),
    ],
)
def test_a_limit_is_read(text: str, limit: RateLimit) -> None:
    assert RateLimit.parse(text) == limit


@pytest.mark.parametrize(
    "text", ["", "10", "often", "10 per", "per hour", "-1 per hour", "1.5 per hour"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='as in "10 per 15 minutes"'):
        RateLimit.parse(text)


@pytest.mark.parametrize("text", ["0 per hour", "10 per 0 hours"])
def test_nothing_can_be_zero(text: str) -> None:
    with pytest.raises(ValueError, match="can be 0"):
        RateLimit.parse(text)
