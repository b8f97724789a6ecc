"""Which parameters refuse NULL: those that go straight into a column that is NOT NULL."""

from __future__ import annotations

from collections.abc import Iterator

from tools.sql import nodetree
from tools.sql.catalogue import Catalogue, Relation
from tools.sql.nodetree import Node
from tools.sql.scope import Command, Source, function_oid

_EXTERNAL = 0  # ParamKind
_CASTS = (
    "ARRAYCOERCEEXPR",
    "COERCETODOMAIN",
    "COERCEVIAIO",
    "COLLATEEXPR",
    "CONVERTROWTYPEEXPR",
    "RELABELTYPE",
)


def refused_nulls(tree: Node, catalogue: Catalogue) -> dict[int, str]:
    """The parameters that cannot be NULL, by number, each with the reason.

    That is said only if a NULL certainly fails: not if a trigger or a rule may step in first.
    """
    reasons: dict[int, str] = {}
    for query in nodetree.walk(tree):
        if query.tag != "QUERY":
            continue
        relation = _written_table(query, catalogue)
        if relation is None:
            continue
        for entry in _assignments(query):
            column = relation.columns.get(entry.integer("resno"))
            value = entry.node("expr")
            if column is None or column.written is not None or value is None:
                continue
            for number in _null_if_null(value, query, catalogue):
                reasons[number] = f"it goes into {relation.name}.{column.name}, which is NOT NULL"
    return reasons


def _written_table(query: Node, catalogue: Catalogue) -> Relation | None:
    table, number = query.nodes("rtable"), query.integer("resultRelation")
    if not 1 <= number <= len(table):
        return None
    relation = catalogue.relations.get(table[number - 1].integer("relid"))
    if relation is None or relation.before_triggers or relation.has_rules:
        return None
    return relation


def _assignments(query: Node) -> Iterator[Node]:
    """The target entries of a statement; each one's number is that of the column it goes into."""
    if query.integer("commandType") in (Command.INSERT, Command.UPDATE):
        yield from _kept(query)
    conflict = query.node("onConflict")
    if conflict is not None:
        yield from conflict.nodes("onConflictSet")
    for action in query.nodes("mergeActionList"):
        yield from _kept(action)


def _kept(part: Node) -> Iterator[Node]:
    return (entry for entry in part.nodes("targetList") if not entry.flag("resjunk"))


def _null_if_null(expression: Node, query: Node, catalogue: Catalogue) -> Iterator[int]:
    """The parameters that make an expression NULL if they are."""
    if expression.tag == "PARAM" and expression.integer("paramkind") == _EXTERNAL:
        yield expression.integer("paramid")
    elif expression.tag in _CASTS:
        argument = expression.node("arg")
        if argument is not None:
            yield from _null_if_null(argument, query, catalogue)
    elif expression.tag in ("FUNCEXPR", "OPEXPR"):
        function = catalogue.functions.get(function_oid(expression))
        if function is not None and function.strict:
            for argument in expression.nodes("args"):
                yield from _null_if_null(argument, query, catalogue)
    elif expression.tag == "VAR" and not expression.integer("varlevelsup"):
        yield from _null_if_column_null(expression, query, catalogue)


def _null_if_column_null(variable: Node, query: Node, catalogue: Catalogue) -> Iterator[int]:
    """The same through a subquery, as in INSERT … SELECT, or through VALUES of several rows."""
    table, number = query.nodes("rtable"), variable.integer("varno")
    column = variable.integer("varattno")
    if not 1 <= number <= len(table) or column < 1:
        return
    entry = table[number - 1]
    subquery = entry.node("subquery")
    if entry.integer("rtekind") == Source.VALUES:
        rows = entry.fields.get("values_lists")
        for row in rows if isinstance(rows, list) else []:
            value = row[column - 1] if isinstance(row, list) and column <= len(row) else None
            if isinstance(value, Node):
                yield from _null_if_null(value, query, catalogue)
    elif subquery is not None and subquery.node("setOperations") is None:
        outputs = list(_kept(subquery))
        value = outputs[column - 1].node("expr") if column <= len(outputs) else None
        if value is not None:
            yield from _null_if_null(value, subquery, catalogue)
