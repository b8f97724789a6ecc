"""How far a measurement can be trusted, and whether its bound holds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of several rounds."""

    median: float
    least: float
    greatest: float
    error: float
    """Half of the median's 95 % interval."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        median = statistics.median(values)
        return cls(median, min(values), max(values), error_of_median(values))

    def text(self, digits: int = 2) -> str:
        """For people: the median, and from where to where the rounds went."""
        if self.least == self.greatest:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({self.least:.{digits}f} to {self.greatest:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure must not fall below, or not exceed."""

    what: str
    measured: Spread
    at_least: float | None = None
    at_most: float | None = None

    @property
    def broken(self) -> bool:
        """Whether the figure is on the wrong side by more than its own error."""
        measured = self.measured
        if self.at_least is not None and measured.median + measured.error < self.at_least:
            return True
        return self.at_most is not None and measured.median - measured.error > self.at_most

    def text(self) -> str:
        """The bound, for people."""
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def state(self) -> str:
        """Whether it holds, for people."""
        if self.broken:
            return "**broken**"
        missed = Bound(self.what, exactly(self.measured.median), self.at_least, self.at_most).broken
        return "within the noise" if missed else "holds"

    def as_json(self) -> dict[str, Any]:
        measured = self.measured
        return {
            "what": self.what,
            "median": measured.median,
            "least": measured.least,
            "greatest": measured.greatest,
            "error": measured.error,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "broken": self.broken,
        }


def turned(everybody: Sequence[T], number: int) -> list[T]:
    """Everybody, in the order of a round: each comes first in one, so that none profits of it."""
    turn = number % len(everybody)
    return [*everybody[turn:], *everybody[:turn]]


def exactly(value: float) -> Spread:
    """A figure that was measured once, and is taken as it is."""
    return Spread(value, value, value, 0)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """The one over the other, round by round: what else the machine did was done to both."""
    return Spread.of(quotients(ours, theirs))


def quotients(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The one over the other, of each round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def error_of_median(values: Sequence[float]) -> float:
    """Half of the median's 95 % interval (McGill, Tukey, Larsen: Variations of Box Plots, 1978)."""
    if len(values) < 2:
        return 0
    first, _, third = statistics.quantiles(values, n=4)
    return 1.57 * (third - first) / math.sqrt(len(values))
