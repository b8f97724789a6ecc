"""GROUP BY, with GROUPING SETS, ROLLUP and CUBE."""

from __future__ import annotations

from enum import IntEnum

from tools.sql.nodetree import Node


class Kind(IntEnum):
    """PostgreSQL's GroupingSetKind."""

    EMPTY = 0
    SIMPLE = 1
    ROLLUP = 2
    CUBE = 3
    SETS = 4


def is_grouped(query: Node) -> bool:
    """Whether a query returns groups of the rows that it finds, not the rows."""
    grouped = query.nodes("groupClause") or query.nodes("groupingSets")
    return bool(grouped) or query.flag("hasAggs") or query.node("havingQual") is not None


def may_have_empty_group(query: Node) -> bool:
    """Whether a query's aggregates may be computed over no row at all.

    That is so without GROUP BY, and for the grand total of a ROLLUP of nothing.
    """
    items = query.nodes("groupingSets")
    if items:
        return all(map(_includes_empty_set, items))
    return not query.nodes("groupClause")


def expressions_left_out(query: Node) -> list[Node]:
    """What a query groups by in some of its grouping sets only, so that it is NULL in others.

    PostgreSQL 18 says so itself: there such an expression has become a variable that is nullable
    by an entry for the grouping in the range table. For it, this returns nothing.
    """
    items = query.nodes("groupingSets")
    if not items or query.flag("hasGroupRTE"):
        return []
    always = {group for item in items for group in _in_every_set(item)}
    groups = {clause.integer("tleSortGroupRef") for clause in query.nodes("groupClause")}
    return [
        expression
        for entry in query.nodes("targetList")
        if entry.integer("ressortgroupref") in groups - always
        and (expression := entry.node("expr")) is not None
    ]


def _includes_empty_set(item: Node) -> bool:
    kind = item.integer("kind")
    if kind == Kind.SETS:
        return any(map(_includes_empty_set, item.nodes("content")))
    return kind != Kind.SIMPLE


def _in_every_set(item: Node) -> set[int]:
    """What is in all the sets that an item stands for. Items multiply, so their sets add up."""
    kind = item.integer("kind")
    if kind == Kind.SIMPLE:
        return set(item.integers("content"))
    if kind == Kind.SETS:
        sets = [_in_every_set(part) for part in item.nodes("content")]
        return sets[0].intersection(*sets[1:]) if sets else set()
    return set()
