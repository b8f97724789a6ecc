"""A number of attempts in a time, such as "10 per 15 minutes"."""

import re
from dataclasses import dataclass
from typing import Final

_NOTATION: Final = re.compile(r"([0-9]{1,9}) +per +(?:([0-9]{1,9}) +)?(second|minute|hour|day)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600}


@dataclass(frozen=True, slots=True)
class RateLimit:
    amount: int
    period: int
    """In seconds."""

    @classmethod
    def parse(cls, text: str) -> "RateLimit":
        """Read ``10 per 15 minutes`` or ``100 per hour``. Raises `ValueError`."""
        found = _NOTATION.fullmatch(text.strip().lower())
        if not found:
            raise ValueError('must be a number and a time, as in "10 per 15 minutes"')
        amount, times, unit = found.groups()
        limit = cls(int(amount), int(times or 1) * _SECONDS[unit])
        if not limit.amount or not limit.period:
            raise ValueError("neither the number nor the time can be 0")
        return limit

    @property
    def interval(self) -> int:
        """The microseconds after which there is room for one more; whole ones, to be added up."""
        return self.period * 1_000_000 // self.amount
