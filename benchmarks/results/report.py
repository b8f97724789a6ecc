"""What was measured, for people and for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.results.noise import Bound


@dataclass(slots=True)
class Section:
    """What one measure has found."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: Any
    """The same for programs: whatever JSON can hold."""
    bounds: list[Bound] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def markdown(sections: Iterable[Section], environment: str) -> str:
    """All tables, as documentation has them; the bounds in one at the end."""
    parts = []
    bounds = []
    for section in sections:
        parts += [f"### {section.title}", table(section.columns, section.rows), *section.notes]
        bounds += section.bounds
    if bounds:
        rows = [(one.what, one.measured.text(), one.text(), one.state()) for one in bounds]
        columns = ("bound", "median (least to greatest)", "may be", "")
        parts += ["### Bounds", table(columns, rows)]
    return "\n\n".join([*parts, environment])


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_json(sections: dict[str, Section], environment: str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "environment": environment,
        "measures": {name: section.figures for name, section in sections.items()},
        "bounds": [bound.as_json() for one in sections.values() for bound in one.bounds],
    }
