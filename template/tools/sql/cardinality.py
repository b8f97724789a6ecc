"""How many rows can a statement return?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.sql import constants, grouping, nodetree
from tools.sql.catalogue import Catalogue, UniqueKey
from tools.sql.nodetree import Node
from tools.sql.scope import Command, Source, function_oid

_UNION = 1  # SetOperation
_DO_UPDATE = 2  # OnConflictAction
_WITH_TIES = 1  # LimitOption


@dataclass(frozen=True, slots=True)
class Rows:
    """What is certain of the number of rows."""

    at_least_one: bool
    at_most_one: bool


def rows(statement: Node, catalogue: Catalogue) -> Rows:
    """How many rows a statement returns, whatever its tables hold."""
    return Rows(
        at_least_one=_inserts_row(statement, catalogue) or finds_row(statement),
        at_most_one=_AtMostOne(catalogue).query(statement),
    )


# At least one


def finds_row(query: Node) -> bool:
    """Whether a SELECT returns a row whatever its tables hold."""
    if query.integer("commandType") != Command.SELECT:
        return False
    limited = query.node("limitCount") is not None or query.node("limitOffset") is not None
    if limited or query.node("havingQual") is not None or query.flag("hasTargetSRFs"):
        return False
    operation = query.node("setOperations")
    if operation is not None:
        return _set_operation_finds_row(operation, query)
    if grouping.is_grouped(query):
        return grouping.may_have_empty_group(query)
    tree = query.node("jointree")
    return tree is not None and _part_finds_row(tree, query)


def _set_operation_finds_row(item: Node, query: Node) -> bool:
    if item.tag == "RANGETBLREF":
        return _entry_has_row(item.integer("rtindex"), query)
    left, right = item.node("larg"), item.node("rarg")
    if left is None or right is None or item.integer("op") != _UNION:
        return False
    return _set_operation_finds_row(left, query) or _set_operation_finds_row(right, query)


def _part_finds_row(item: Node, query: Node) -> bool:
    """Whether a part of FROM has a row."""
    match item.tag:
        case "RANGETBLREF":
            return _entry_has_row(item.integer("rtindex"), query)
        case "FROMEXPR":
            parts = item.nodes("fromlist")
            return item.node("quals") is None and all(_part_finds_row(p, query) for p in parts)
        case "JOINEXPR":
            return _join_finds_row(item, query)
        case _:
            return False


def _join_finds_row(join: Node, query: Node) -> bool:
    sides = (join.node("larg"), join.node("rarg"))
    left, right = (side is not None and _part_finds_row(side, query) for side in sides)
    match join.integer("jointype"):
        case 1:  # LEFT
            return left
        case 2:  # FULL
            return left or right
        case 3:  # RIGHT
            return right
        case _:
            return left and right and join.node("quals") is None


def _entry_has_row(number: int, query: Node) -> bool:
    entry = _entry(number, query)
    if entry is None:
        return False
    subquery = entry.node("subquery")
    if subquery is not None and entry.integer("rtekind") == Source.SUBQUERY:
        return finds_row(subquery)
    return entry.integer("rtekind") in (Source.VALUES, Source.RESULT)


def _inserts_row(statement: Node, catalogue: Catalogue) -> bool:
    """Whether it is an INSERT that returns the row it makes, or fails."""
    tree = statement.node("jointree")
    if statement.integer("commandType") != Command.INSERT or not statement.nodes("returningList"):
        return False
    conflict = statement.node("onConflict")
    if conflict is not None and (
        conflict.integer("action") != _DO_UPDATE or conflict.node("onConflictWhere") is not None
    ):
        return False
    entry = _entry(statement.integer("resultRelation"), statement)
    relation = None if entry is None else catalogue.relations.get(entry.integer("relid"))
    if relation is None or relation.kind not in ("r", "p"):
        return False
    # A trigger or a rule may leave the row out.
    if relation.before_triggers or relation.has_rules:
        return False
    return tree is not None and _part_finds_row(tree, statement)


# At most one


@dataclass(frozen=True, slots=True)
class _Equality:
    """A condition `column = value` that every row of a table meets."""

    table: int
    column: int
    operator: int
    collation: int
    value: Node


class _AtMostOne:
    """Follows unique keys through joins."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def query(self, query: Node) -> bool:
        """Whether a query returns no more than one row."""
        if _limited_to_one(query):
            return True
        command = query.integer("commandType")
        if query.flag("hasTargetSRFs") or query.node("setOperations") is not None:
            return False
        if command in (Command.MERGE, Command.UTILITY) or self._target_has_rules(query):
            return False
        grouped = query.nodes("groupClause") or query.nodes("groupingSets")
        if query.flag("hasAggs") and not grouped:
            return True
        tree = query.node("jointree")
        if tree is None or query.nodes("groupingSets"):
            return False
        return self._from(tree, query)

    def _target_has_rules(self, query: Node) -> bool:
        entry = _entry(query.integer("resultRelation"), query)
        relation = None if entry is None else self._catalogue.relations.get(entry.integer("relid"))
        return relation is not None and relation.has_rules

    def _from(self, tree: Node, query: Node) -> bool:
        """Whether FROM and WHERE leave no more than one combination of rows.

        Tables are settled one after the other: by a unique key all of whose columns equal what is
        constant or comes from a table already settled.
        """
        if any(node.integer("jointype") == 2 for node in _joins(tree)):  # FULL
            return False
        open_tables = set(_tables(tree))
        equalities = list(self._equalities(tree))
        while open_tables:
            settled = {
                number
                for number in open_tables
                if self._is_single(number, query, equalities, open_tables)
            }
            if not settled:
                return False
            open_tables -= settled
        return True

    def _is_single(
        self, number: int, query: Node, equalities: list[_Equality], open_tables: set[int]
    ) -> bool:
        entry = _entry(number, query)
        if entry is None:
            return False
        match entry.integer("rtekind"):
            case Source.RESULT:
                return True
            case Source.SUBQUERY:
                subquery = entry.node("subquery")
                return subquery is not None and self.query(subquery)
            case Source.CTE if not entry.integer("ctelevelsup"):
                return self._is_single_cte(entry.text("ctename"), query)
            case Source.RELATION:
                relation = self._catalogue.relations.get(entry.integer("relid"))
                if relation is None or (relation.has_children and relation.kind != "p"):
                    return False
                if relation.view is not None:
                    return self.query(relation.view)
                usable = [
                    equality
                    for equality in equalities
                    if equality.table == number and self._is_settled(equality.value, open_tables)
                ]
                return any(_is_met(key, usable) for key in relation.unique_keys)
            case _:
                return False

    def _is_single_cte(self, name: str | None, query: Node) -> bool:
        for cte in query.nodes("cteList"):
            inner = cte.node("ctequery")
            if cte.text("ctename") == name and inner is not None:
                return not cte.flag("cterecursive") and self.query(inner)
        return False

    def _is_settled(self, value: Node, open_tables: set[int]) -> bool:
        """Whether a value is the same for all combinations of rows of the open tables."""
        for node in nodetree.walk(value):
            if node.tag == "SUBLINK":
                return False
            is_column = node.tag == "VAR" and not node.integer("varlevelsup")
            if is_column and node.integer("varno") in open_tables:
                return False
            oid = function_oid(node)
            function = self._catalogue.functions.get(oid)
            if oid and (function is None or function.volatility == "v"):
                return False
        return True

    def _equalities(self, item: Node) -> Iterator[_Equality]:
        """The equalities that settle tables. Those of a LEFT JOIN settle its right side only."""
        if item.tag == "RANGETBLREF":
            return
        if item.tag == "FROMEXPR":
            for part in item.nodes("fromlist"):
                yield from self._equalities(part)
            yield from _conjuncts(item.node("quals"))
            return
        for part in _parts(item):
            yield from self._equalities(part)
        settled = {1: "rarg", 3: "larg"}.get(item.integer("jointype"))
        side = item if settled is None else item.node(settled)
        tables: set[int] = set() if side is None else set(_tables(side))
        for equality in _conjuncts(item.node("quals")):
            if equality.table in tables:
                yield equality


def _is_met(key: UniqueKey, equalities: list[_Equality]) -> bool:
    return all(
        any(
            equality.column == column
            and equality.operator in operators
            and collation in (0, equality.collation)
            for equality in equalities
        )
        for column, operators, collation in zip(
            key.columns, key.equality, key.collations, strict=True
        )
    )


def _conjuncts(condition: Node | None) -> Iterator[_Equality]:
    if condition is None:
        return
    arguments = condition.nodes("args")
    if condition.tag == "BOOLEXPR" and condition.text("boolop") == "and":
        for part in arguments:
            yield from _conjuncts(part)
    if condition.tag == "OPEXPR" and len(arguments) == 2:
        for side, value in (arguments, arguments[::-1]):
            column = _unlabelled(side)
            if column.tag == "VAR" and not column.integer("varlevelsup"):
                yield _Equality(
                    table=column.integer("varno"),
                    column=column.integer("varattno"),
                    operator=condition.integer("opno"),
                    collation=condition.integer("inputcollid"),
                    value=value,
                )


def _unlabelled(expression: Node) -> Node:
    """What a cast that changes nothing, such as from varchar to text, is of."""
    inner = expression.node("arg") if expression.tag == "RELABELTYPE" else None
    return expression if inner is None else _unlabelled(inner)


def _limited_to_one(query: Node) -> bool:
    limit = query.node("limitCount")
    if limit is None or query.integer("limitOption") == _WITH_TIES:
        return False
    value = constants.integer(limit)
    return value is not None and value <= 1


def _entry(number: int, query: Node) -> Node | None:
    table = query.nodes("rtable")
    return table[number - 1] if 1 <= number <= len(table) else None


def _tables(item: Node) -> Iterator[int]:
    """The range table's entries that a part of FROM is made of, without the joins."""
    if item.tag == "RANGETBLREF":
        yield item.integer("rtindex")
    for part in _parts(item):
        yield from _tables(part)


def _joins(item: Node) -> Iterator[Node]:
    if item.tag == "JOINEXPR":
        yield item
    for part in _parts(item):
        yield from _joins(part)


def _parts(item: Node) -> list[Node]:
    sides = (item.node("larg"), item.node("rarg"))
    return [*item.nodes("fromlist"), *(side for side in sides if side is not None)]
