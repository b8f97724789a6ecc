"""The answer to one question: can this be NULL, and why?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an expression or column can be NULL, and the reason as a sentence."""

    nullable: bool
    reason: str


def never(reason: str) -> Verdict:
    return Verdict(nullable=False, reason=reason)


def maybe(reason: str) -> Verdict:
    return Verdict(nullable=True, reason=reason)


def null_only_for_null(parts: Iterable[Verdict], what: str) -> Verdict:
    """The verdict on something that is NULL only if one of its parts is."""
    for part in parts:
        if part.nullable:
            return part
    return never(what)
