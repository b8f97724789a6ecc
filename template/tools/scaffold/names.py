"""What things may be called, so that Python, SQL and the service's own code all take the name."""

import builtins
import keyword
import re
from dataclasses import dataclass
from typing import Final

_MAX_LENGTH: Final = 30
"""What is called after it has longer names, of which PostgreSQL keeps 63 bytes."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

_SINGULARS: Final = {"ies": "y", "sses": "ss", "shes": "sh", "xes": "x", "s": ""}
"""What stands for a plural's ending in the singular; the first that fits."""

SQL_WORDS: Final = frozenset(
    word
    for line in (
        "all analyse analyze and any array as asc asymmetric authorization binary both case cast",
        "check collate collation column concurrently constraint create cross current_catalog",
        "current_date current_role current_schema current_time current_timestamp current_user",
        "default deferrable desc distinct do else end except false fetch for foreign freeze from",
        "full grant group having ilike in initially inner intersect into is isnull join lateral",
        "leading left like limit localtime localtimestamp natural not notnull null offset on only",
        "or order outer overlaps placing primary references returning right select session_user",
        "similar some symmetric system_user table tablesample then to trailing true union unique",
        "user using variadic verbose when where window with",
    )
    for word in line.split()
)
"""Reserved words (pg_get_keywords(), categories R and T): as names they would need quotes."""

ANOTHER_SINGULAR: Final = "choose another with --singular"


class Refusal(ValueError):  # noqa: N818 -- it is no error of the program's
    """What was asked for won't do: says why, and what to ask for instead."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a resource is called, and what one of it."""

    plural: str
    singular: str

    @classmethod
    def of(cls, plural: str, singular: str | None = None) -> "Names":
        """Raises `Refusal`."""
        check(plural)
        names = cls(plural, _singular(plural) if singular is None else singular)
        check(names.singular, remedy=ANOTHER_SINGULAR)
        _refuse_builtin(names.class_name, ANOTHER_SINGULAR)
        return names

    @property
    def class_name(self) -> str:
        """``OrderItem`` for order_items."""
        return "".join(word.capitalize() for word in self.singular.split("_"))


def check(name: str, *, remedy: str = "choose another name") -> None:
    """Raises `Refusal` for a name that needs quotes, or hides what Python knows by it."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_LENGTH:
        raise Refusal(
            f"{name!r} is no name for it: take up to {_MAX_LENGTH} lower-case letters, digits and "
            "single _ between them, a letter first, as in order_items"
        )
    if keyword.iskeyword(name):
        raise Refusal(f"{name!r} is a word of Python: {remedy}")
    if name in SQL_WORDS:
        raise Refusal(f"{name!r} is a reserved word of SQL: {remedy}")
    _refuse_builtin(name, remedy)


def _refuse_builtin(name: str, remedy: str) -> None:
    if hasattr(builtins, name):
        raise Refusal(f"{name!r} is something else in Python, a built-in: {remedy}")


def _singular(plural: str) -> str:
    for ending, instead in _SINGULARS.items():
        if plural.endswith(ending) and not plural.endswith(("ss", "us", "is")):
            return plural.removesuffix(ending) + instead
    raise Refusal(
        f"{plural!r} does not look like a plural: take one, as in books, or say what one of them "
        "is called with --singular"
    )
