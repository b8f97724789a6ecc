"""When aggregates and window functions return NULL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntFlag

from tools.sql import grouping, never_null
from tools.sql.catalogue import Function
from tools.sql.nodetree import Node
from tools.sql.verdict import Verdict, maybe, never, null_only_for_null

Evaluate = Callable[[Node], Verdict]


class Frame(IntFlag):
    """PostgreSQL's FRAMEOPTION_…: the bits that decide whether a row is in its own frame."""

    RANGE = 0x00002
    END_UNBOUNDED_PRECEDING = 0x00040
    START_UNBOUNDED_FOLLOWING = 0x00080
    START_OFFSET_PRECEDING = 0x00800
    END_OFFSET_PRECEDING = 0x01000
    START_OFFSET_FOLLOWING = 0x02000
    END_OFFSET_FOLLOWING = 0x04000
    EXCLUSION = 0x08000 | 0x10000 | 0x20000


_MAY_LEAVE_OUT_ROW = (
    Frame.END_UNBOUNDED_PRECEDING
    | Frame.START_UNBOUNDED_FOLLOWING
    | Frame.END_OFFSET_PRECEDING
    | Frame.START_OFFSET_FOLLOWING
    | Frame.EXCLUSION
)
_OFFSETS = Frame.START_OFFSET_PRECEDING | Frame.END_OFFSET_FOLLOWING


def aggregate(call: Node, function: Function, query: Node, evaluate: Evaluate) -> Verdict:
    """Judge an aggregate of the rows of `query`."""
    rows: Verdict | None = None
    if call.node("aggfilter") is not None:
        rows = maybe(f"the FILTER may leave {function.base_name}() no row")
    elif grouping.may_have_empty_group(query):
        rows = maybe(f"{function.base_name}() of no rows is NULL, and no row need be found")
    arguments = [
        entry.node("expr") or entry for entry in call.nodes("args") if not entry.flag("resjunk")
    ]
    return _over_rows(function, rows, [*call.nodes("aggdirectargs"), *arguments], evaluate)


def window(call: Node, function: Function, query: Node, evaluate: Evaluate) -> Verdict:
    """Judge a window function, or an aggregate used as one."""
    arguments = call.nodes("args")
    name = function.base_name
    if function.is_one_of(never_null.WINDOWS_ALWAYS):
        return never(f"{name}() is never NULL")
    if function.is_one_of(never_null.WINDOWS_OF_VALUES):
        return null_only_for_null(map(evaluate, arguments), f"{name}() is NULL only for NULL")
    if function.is_one_of(never_null.WINDOWS_WITH_DEFAULT):
        if len(arguments) < 3:
            return maybe(f"{name}() without a default is NULL where there is no such row")
        return null_only_for_null(map(evaluate, arguments), f"{name}() has a default")

    frame: Verdict | None = None
    if call.node("aggfilter") is not None:
        frame = maybe(f"the FILTER may leave {name}() no row")
    elif not _frame_has_its_row(call, query):
        frame = maybe(f"the window frame of {name}() may be empty")
    if function.is_one_of(never_null.WINDOWS_OF_FRAME):
        reason = f"{name}() is of a row, and not NULL there"
        return frame or null_only_for_null(map(evaluate, arguments), reason)
    return _over_rows(function, frame, arguments, evaluate)


def _over_rows(
    function: Function, rows: Verdict | None, arguments: list[Node], evaluate: Evaluate
) -> Verdict:
    """Judge an aggregate; `rows` is why there may be none, or None if there is one."""
    name = function.base_name
    if function.is_one_of(never_null.AGGREGATES_ALWAYS):
        return never(f"{name}() is never NULL")
    if function.is_one_of(never_null.AGGREGATES_OF_ANY_ROW):
        return rows or never(f"{name}() of at least one row is not NULL")
    if function.is_one_of(never_null.AGGREGATES_OF_VALUES):
        return rows or null_only_for_null(
            map(evaluate, _deciding(function, arguments)),
            f"{name}() of at least one value is not NULL",
        )
    return maybe(f"the aggregate {function.name} may return NULL")


def _deciding(function: Function, arguments: list[Node]) -> Iterable[Node]:
    """The arguments that matter: string_agg() takes a NULL delimiter for an empty one."""
    return arguments[:1] if function.base_name == "string_agg" else arguments


def _frame_has_its_row(call: Node, query: Node) -> bool:
    for clause in query.nodes("windowClause"):
        if clause.integer("winref") == call.integer("winref"):
            options = Frame(clause.integer("frameOptions"))
            # With RANGE, a type's own arithmetic decides what an offset takes in.
            by_value = bool(options & Frame.RANGE and options & _OFFSETS)
            return not by_value and not options & _MAY_LEAVE_OUT_ROW
    return False
