"""What a condition that holds says about NULL: `WHERE a.x = b.y` keeps no row with a NULL `a.x`.

A fact is that an expression is not NULL in every row that is left, or that an outer join found a
row on one of its sides. Conditions are three-valued, so there are four questions to ask of one:
what holds when it is true, when it is false, when it is not true (false or NULL), and when it is
not false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple, Protocol

from tools.sql.catalogue import Function
from tools.sql.nodetree import Node


class Side(NamedTuple):
    """A side of an outer join that the join fills up with NULL when it finds no row there."""

    join: int
    """The join's index in the range table."""
    left: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of every row."""

    not_null: frozenset[str] = frozenset()
    """The keys of expressions that are not NULL."""
    present: frozenset[Side] = frozenset()
    """The sides of outer joins that are not filled up with NULL."""

    def __or__(self, other: Facts) -> Facts:
        """What is known if both hold."""
        return Facts(self.not_null | other.not_null, self.present | other.present)

    def __and__(self, other: Facts) -> Facts:
        """What is known if one of the two holds."""
        return Facts(self.not_null & other.not_null, self.present & other.present)


NOTHING = Facts()


class Surroundings(Protocol):
    """What the expressions of a query refer to."""

    def key(self, expression: Node) -> str | None:
        """A name for an expression that gives the same value each time, or None."""
        ...

    def nullable_sides(self, variable: Node) -> frozenset[Side]:
        """The sides of outer joins that can make a variable NULL where it stands."""
        ...

    def function(self, call: Node) -> Function | None:
        """The function behind a call or operator."""
        ...


Question = Callable[[Node, Surroundings], Facts]


def when_true(condition: Node, at: Surroundings) -> Facts:
    match condition.tag:
        case "BOOLEXPR":
            return _boolean(condition, at, when_true, when_false, distributes_over="and")
        case "NULLTEST":
            return _part(condition, "arg", at) if _asks_not_null(condition) else NOTHING
        case "BOOLEANTEST":
            return _boolean_test(condition, at, holds=True)
        case "SCALARARRAYOPEXPR":
            # `x <> ALL (array)` is true of an empty array, whatever x is.
            decided = condition.flag("useOr") or _has_elements(condition)
            return _strict_call(condition, at) if decided else NOTHING
        case "SUBLINK":
            # Some row of the subquery compared true.
            is_any = condition.integer("subLinkType") == _ANY
            return _part(condition, "testexpr", at, when_true) if is_any else NOTHING
        case _:
            return when_not_null(condition, at)


def when_false(condition: Node, at: Surroundings) -> Facts:
    match condition.tag:
        case "BOOLEXPR":
            return _boolean(condition, at, when_false, when_true, distributes_over="or")
        case "NULLTEST":
            return NOTHING if _asks_not_null(condition) else _part(condition, "arg", at)
        case "BOOLEANTEST":
            return _boolean_test(condition, at, holds=False)
        case "SCALARARRAYOPEXPR":
            decided = not condition.flag("useOr") or _has_elements(condition)
            return _strict_call(condition, at) if decided else NOTHING
        case "SUBLINK":
            is_all = condition.integer("subLinkType") == _ALL
            return _part(condition, "testexpr", at, when_false) if is_all else NOTHING
        case _:
            return when_not_null(condition, at)


def when_not_true(condition: Node, at: Surroundings) -> Facts:
    match condition.tag:
        case "BOOLEXPR":
            return _boolean(condition, at, when_not_true, when_not_false, distributes_over="or")
        case "NULLTEST" | "BOOLEANTEST":  # which are never NULL themselves
            return when_false(condition, at)
        case _:
            return NOTHING


def when_not_false(condition: Node, at: Surroundings) -> Facts:
    match condition.tag:
        case "BOOLEXPR":
            return _boolean(condition, at, when_not_false, when_not_true, distributes_over="and")
        case "NULLTEST" | "BOOLEANTEST":
            return when_true(condition, at)
        case _:
            return NOTHING


def when_not_null(expression: Node, at: Surroundings) -> Facts:
    """What holds of an expression, and of what it is made of, when it is not NULL."""
    key = at.key(expression)
    facts = NOTHING if key is None else Facts(frozenset({key}))
    match expression.tag:
        case "VAR":
            return facts | Facts(present=at.nullable_sides(expression))
        case "FUNCEXPR" | "OPEXPR":
            return facts | _strict_call(expression, at)
        case "SCALARARRAYOPEXPR" if _has_elements(expression):
            return facts | _strict_call(expression, at)
        case "NULLIFEXPR":
            return facts | _all(when_not_null, expression.nodes("args")[:1], at)
        case "BOOLEXPR" if expression.text("boolop") == "not":
            return facts | _all(when_not_null, expression.nodes("args"), at)
        case "COALESCEEXPR" | "MINMAXEXPR":
            return facts | _any(when_not_null, expression.nodes("args"), at)
        case (
            "RELABELTYPE"
            | "COERCEVIAIO"
            | "ARRAYCOERCEEXPR"
            | "CONVERTROWTYPEEXPR"
            | "COLLATEEXPR"
            | "COERCETODOMAIN"
            | "FIELDSELECT"
        ):
            return facts | _part(expression, "arg", at)
        case "SUBSCRIPTINGREF":
            return facts | _part(expression, "refexpr", at)
        case _:
            return facts


_ALL, _ANY = 1, 2  # SubLinkType


def _all(question: Question, parts: Iterable[Node], at: Surroundings) -> Facts:
    return reduce(Facts.__or__, (question(part, at) for part in parts), NOTHING)


def _any(question: Question, parts: list[Node], at: Surroundings) -> Facts:
    if not parts:
        return NOTHING
    return reduce(Facts.__and__, (question(part, at) for part in parts))


def _boolean(
    condition: Node, at: Surroundings, question: Question, negation: Question, distributes_over: str
) -> Facts:
    """Ask a question of AND, OR or NOT.

    That an AND is true says so of all its parts, that an OR is true of some part, and so on.
    """
    parts = condition.nodes("args")
    operator = condition.text("boolop")
    if operator == "not":
        return _all(negation, parts, at)
    if operator == distributes_over:
        return _all(question, parts, at)
    return _any(question, parts, at)


def _boolean_test(test: Node, at: Surroundings, *, holds: bool) -> Facts:
    """IS TRUE, IS NOT TRUE, IS FALSE and so on, in the order of PostgreSQL's BoolTestType."""
    subject, negated = divmod(test.integer("booltesttype"), 2)
    asked, otherwise = (
        (when_true, when_not_true),
        (when_false, when_not_false),
        (_nothing, when_not_null),
    )[subject]
    question = asked if holds is not bool(negated) else otherwise
    return _part(test, "arg", at, question)


def _asks_not_null(test: Node) -> bool:
    return test.integer("nulltesttype") == 1


def _nothing(_condition: Node, _at: Surroundings) -> Facts:
    return NOTHING


def _part(
    expression: Node, name: str, at: Surroundings, question: Question = when_not_null
) -> Facts:
    part = expression.node(name)
    return NOTHING if part is None else question(part, at)


def _strict_call(call: Node, at: Surroundings) -> Facts:
    """A strict function is not called with a NULL, so there was none if it returned a value."""
    function = at.function(call)
    if function is None or not function.strict:
        return NOTHING
    return _all(when_not_null, call.nodes("args"), at)


def _has_elements(comparison: Node) -> bool:
    """Whether the array of `x = ANY (array)` is certain to have elements."""
    return any(
        array.tag == "ARRAYEXPR" and array.nodes("elements") and not array.flag("multidims")
        for array in comparison.nodes("args")[1:]
    )
