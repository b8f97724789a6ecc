"""What a store of counts can do."""

from dataclasses import dataclass
from typing import Protocol

from app.ratelimit.limit import RateLimit


@dataclass(frozen=True, slots=True)
class Count:
    """One of the counts that an attempt goes into."""

    key: str
    limit: RateLimit
    unless: str | None = None
    """A mark that lifts the limit: while it is there, the attempt does not go into this count."""


class Counts(Protocol):
    async def hit(self, *counts: Count) -> float:
        """Count an attempt in all of these; in none of them, if one is full.

        Returns 0 where it was counted, else the seconds until there is room for it.
        """

    async def forgive(self, key: str, *, mark: str, seconds: int) -> None:
        """Empty the count of this key, and set the mark for so long."""


class Store(Counts, Protocol):
    @property
    def degraded(self) -> bool:
        """Whether attempts are not counted where they should be."""
