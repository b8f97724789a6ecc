"""A query as its own expressions see it: its tables, its outer joins, and the queries around it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from enum import IntEnum
from functools import reduce

from tools.sql import facts, grouping, nodetree
from tools.sql.catalogue import Catalogue, Function, Relation
from tools.sql.facts import NOTHING, Facts, Side
from tools.sql.nodetree import Node, Value
from tools.sql.verdict import Verdict


class Command(IntEnum):
    """PostgreSQL's CmdType."""

    UNKNOWN = 0
    SELECT = 1
    UPDATE = 2
    INSERT = 3
    DELETE = 4
    MERGE = 5
    UTILITY = 6
    NOTHING = 7


class Source(IntEnum):
    """PostgreSQL's RTEKind: what an entry of the range table is."""

    RELATION = 0
    SUBQUERY = 1
    JOIN = 2
    FUNCTION = 3
    TABLE_FUNCTION = 4
    VALUES = 5
    CTE = 6
    NAMED_TUPLES = 7
    RESULT = 8
    GROUP = 9


class Returning(IntEnum):
    """PostgreSQL's VarReturningType: which version of a changed row a variable means."""

    DEFAULT = 0
    OLD = 1
    NEW = 2


_LEFT, _FULL, _RIGHT = 1, 2, 3  # JoinType
_NOT_MATCHED_BY_SOURCE = 1  # MergeMatchKind
_EXTERNAL = 0  # ParamKind

# Expressions that give the same value each time, if the functions in them do.
_REPEATABLE = frozenset(
    {
        "AGGREF",
        "ARRAYCOERCEEXPR",
        "ARRAYEXPR",
        "BOOLEANTEST",
        "BOOLEXPR",
        "CASEEXPR",
        "CASEWHEN",
        "COALESCEEXPR",
        "COERCETODOMAIN",
        "COERCEVIAIO",
        "COLLATEEXPR",
        "CONST",
        "DISTINCTEXPR",
        "FIELDSELECT",
        "FUNCEXPR",
        "MINMAXEXPR",
        "NULLIFEXPR",
        "NULLTEST",
        "OPEXPR",
        "PARAM",
        "RELABELTYPE",
        "ROWEXPR",
        "SCALARARRAYOPEXPR",
        "SORTGROUPCLAUSE",
        "SUBSCRIPTINGREF",
        "TARGETENTRY",
        "VAR",
    }
)
_CALLS = {
    "FUNCEXPR": "funcid",
    "OPEXPR": "opfuncid",
    "DISTINCTEXPR": "opfuncid",
    "NULLIFEXPR": "opfuncid",
    "SCALARARRAYOPEXPR": "opfuncid",
    "AGGREF": "aggfnoid",
    "WINDOWFUNC": "winfnoid",
}
# Where an expression stands in the text, and by which name a variable was written.
_INCIDENTAL = frozenset(
    {"location", "list_start", "list_end", "varnosyn", "varattnosyn", "funcformat"}
)


class Scope:
    """One query level.

    Scopes are not changed once made; `assuming` and its like return a changed copy, which shares
    what was already found out.
    """

    def __init__(self, query: Node, catalogue: Catalogue, parent: Scope | None = None) -> None:
        self.query = query
        self.catalogue = catalogue
        self.parent = parent
        self.command = query.integer("commandType")
        self.table = query.nodes("rtable")
        self.facts = NOTHING
        """What is known of every row that the query returns."""
        self.case_value: Verdict | None = None
        """What `CASE x WHEN …` compares with, or a cast casts."""
        self.subquery_columns: list[Verdict] = []
        """What `x = ANY (subquery)` compares with."""
        self.inside_aggregate = False
        self.assumed: dict[str, list[bool]] = {}
        """For a recursive query under way, which of its columns are taken to be nullable."""
        self.subqueries: dict[int, Scope] = {}
        """The scopes of the subqueries in FROM, by their place in the range table."""
        self.known_columns: dict[tuple[int, int], Verdict] = {}
        """Verdicts on the columns of those subqueries."""
        self.cte_columns: dict[tuple[str, int], Verdict] = {}
        """Verdicts on the columns of the common table expressions of this query's WITH."""

        # The nullable sides of outer joins around each entry of the range table, and what is known
        # of a row if such a side is not filled up with NULL.
        self._around: dict[int, frozenset[Side]] = {}
        self._if_present: dict[Side, Facts] = {}
        self._joins: dict[int, Node] = {}

        self.new_rows_of = 0
        self._left_out = frozenset(map(self._fingerprint, grouping.expressions_left_out(query)))
        found = self._facts_of_found_rows()
        returned = self._facts_of_returned_rows(found)
        # In RETURNING, the changed table's columns are those of the new row, about which WHERE
        # says nothing; hence this is set after its conditions have been read.
        if self.command in (Command.INSERT, Command.UPDATE, Command.MERGE):
            self.new_rows_of = query.integer("resultRelation")
        self._found = self._completed(found)
        self.facts = self._completed(returned)

    def entry(self, number: int) -> Node | None:
        """An entry of the range table, which is counted from 1."""
        return self.table[number - 1] if 1 <= number <= len(self.table) else None

    def outer(self, levels: int) -> Scope | None:
        """The query so many levels out."""
        scope: Scope | None = self
        for _ in range(levels):
            scope = None if scope is None else scope.parent
        return scope

    def outputs(self) -> list[Node]:
        """The expressions that a query returns, in order."""
        name = "targetList" if self.command == Command.SELECT else "returningList"
        entries = self.query.nodes(name)
        return [entry for entry in entries if not entry.flag("resjunk")]

    def returns_several_sets(self) -> bool:
        """Whether several functions in the select list return sets, which may differ in length."""
        nodes = (node for entry in self.query.nodes("targetList") for node in nodetree.walk(entry))
        return sum(node.flag("funcretset") or node.flag("opretset") for node in nodes) > 1

    def target(self) -> Relation | None:
        """The table that the statement changes."""
        entry = self.entry(self.query.integer("resultRelation"))
        return None if entry is None else self.catalogue.relations.get(entry.integer("relid"))

    def actions(self) -> set[Command]:
        """What the statement does to the rows that it returns."""
        if self.command != Command.MERGE:
            return {Command(self.command)}
        found = (action.integer("commandType") for action in self.query.nodes("mergeActionList"))
        return {Command(action) for action in found if action != Command.NOTHING}

    def merges_without_source(self) -> bool:
        """Whether a MERGE has WHEN NOT MATCHED BY SOURCE, for rows of the target alone."""
        return any(
            action.integer("matchKind") == _NOT_MATCHED_BY_SOURCE
            and action.integer("commandType") != Command.NOTHING
            for action in self.query.nodes("mergeActionList")
        )

    # What is known of the rows

    def assuming(self, *more: Facts) -> Scope:
        """The same query where more is known, as in a branch of a CASE."""
        known = reduce(Facts.__or__, more, self.facts)
        if known == self.facts:
            return self
        changed = self._copy()
        changed.facts = self._completed(known)
        return changed

    def knowing_nothing(self) -> Scope:
        """The same query for a row that did not come through its conditions."""
        changed = self._copy()
        changed.facts = changed._found = NOTHING
        return changed

    def comparing(self, columns: list[Verdict]) -> Scope:
        """The same query where a comparison with a subquery is evaluated."""
        changed = self._copy()
        changed.subquery_columns = columns
        return changed

    def taking_for_nullable(self, name: str, columns: list[bool]) -> Scope:
        """The same query while its recursive common table expression is being judged."""
        changed = self._copy()
        changed.assumed = {**self.assumed, name: columns}
        return changed

    def with_case_value(self, value: Verdict) -> Scope:
        changed = self._copy()
        changed.case_value = value
        return changed

    def in_aggregate(self) -> Scope:
        """The same query inside an aggregate's arguments, where nothing is grouped yet."""
        changed = self._copy()
        changed.inside_aggregate = True
        changed.facts = self._completed(self._found | self.facts)
        return changed

    def is_known_not_null(self, expression: Node) -> bool:
        if not self.facts.not_null:
            return False
        key = self.key(expression)
        return key is not None and key in self.facts.not_null

    def is_left_out_of_groups(self, expression: Node) -> bool:
        """Whether some grouping set leaves out an expression, which is NULL in its rows."""
        if not self._left_out or self.inside_aggregate:
            return False
        return self._fingerprint(expression) in self._left_out

    def full_joins_in_question(self) -> Iterator[tuple[Side, Side]]:
        """Full joins of which some row is known to come from, but not from which side."""
        for number, join in self._joins.items():
            left, right = Side(number, left=True), Side(number, left=False)
            certain = self._around[number] <= self.facts.present
            undecided = self.facts.present.isdisjoint({left, right})
            if join.integer("jointype") == _FULL and certain and undecided:
                yield left, right

    # Surroundings, for `facts`

    def key(self, expression: Node) -> str | None:
        if expression.tag == "VAR":
            return self._variable_key(expression)
        if not all(map(self._is_repeatable, nodetree.walk(expression))):
            return None
        return self._fingerprint(expression)

    def nullable_sides(self, variable: Node) -> frozenset[Side]:
        if variable.integer("varlevelsup"):
            return frozenset()
        joins = variable.integers("varnullingrels")
        around = self._around.get(variable.integer("varno"), frozenset())
        return frozenset(side for side in around if side.join in joins)

    def function(self, call: Node) -> Function | None:
        return self.catalogue.functions.get(function_oid(call))

    # Words for reasons

    def describe_side(self, side: Side) -> str:
        join = self._joins[side.join]
        kind = {_LEFT: "LEFT JOIN", _FULL: "FULL JOIN", _RIGHT: "RIGHT JOIN"}[
            join.integer("jointype")
        ]
        part = join.node("larg" if side.left else "rarg")
        names = [] if part is None else [self._name(number) for number in _tables_in(part)]
        return f"the {kind} may find no row of {' and '.join(names)}"

    def _name(self, number: int) -> str:
        entry = self.entry(number)
        if entry is None:
            return "?"
        names = entry.node("eref")
        alias = "?" if names is None else names.text("aliasname") or "?"
        relation = self.catalogue.relations.get(entry.integer("relid"))
        if relation is None or relation.name == alias:
            return alias
        return f"{relation.name} {alias}"

    def _copy(self) -> Scope:
        changed = copy.copy(self)
        # A LATERAL subquery may profit from what is known here; one in WITH may not.
        changed.subqueries = {}
        changed.known_columns = {}
        return changed

    def _completed(self, known: Facts) -> Facts:
        """Add what follows from the sides of outer joins that are present."""
        followed: set[Side] = set()
        while sides := known.present - followed:
            for side in sides:
                known |= self._if_present.get(side, NOTHING)
            followed |= sides
        return known

    def _facts_of_found_rows(self) -> Facts:
        """What FROM and WHERE make certain of the rows that are left."""
        tree = self.query.node("jointree")
        known = NOTHING if tree is None else self._facts_of_from(tree, frozenset())
        return NOTHING if self.merges_without_source() else known

    def _facts_of_returned_rows(self, found: Facts) -> Facts:
        """What is certain after grouping."""
        # Aggregates return a row even if WHERE left none, and so proved nothing of the constants
        # and parameters in it.
        if grouping.is_grouped(self.query) and grouping.may_have_empty_group(self.query):
            found = NOTHING
        having = self.query.node("havingQual")
        # With grouping sets, HAVING is left out: before PostgreSQL 18 nothing in the tree tells an
        # expression before grouping from the same one afterwards, when it may be NULL, and up to
        # 18 the server itself takes the one for the other if the expression is constant.
        if having is None or self.query.nodes("groupingSets"):
            return found
        return found | facts.when_true(having, self)

    def _facts_of_from(self, item: Node, around: frozenset[Side]) -> Facts:
        match item.tag:
            case "RANGETBLREF":
                self._around[item.integer("rtindex")] = around
                return NOTHING
            case "FROMEXPR":
                known = NOTHING
                for part in item.nodes("fromlist"):
                    known |= self._facts_of_from(part, around)
                return known | self._facts_of_condition(item)
            case "JOINEXPR":
                return self._facts_of_join(item, around)
            case _:
                return NOTHING

    def _facts_of_join(self, join: Node, around: frozenset[Side]) -> Facts:
        number = join.integer("rtindex")
        kind = join.integer("jointype")
        self._joins[number] = join
        self._around[number] = around
        left, right = Side(number, left=True), Side(number, left=False)
        left_known = self._facts_of_operand(join, "larg", around, left, kind in (_RIGHT, _FULL))
        right_known = self._facts_of_operand(join, "rarg", around, right, kind in (_LEFT, _FULL))
        if kind == _LEFT:
            self._if_present[right] = right_known | self._facts_of_condition(join)
            return left_known
        if kind == _RIGHT:
            self._if_present[left] = left_known | self._facts_of_condition(join)
            return right_known
        if kind == _FULL:  # a side that is present need not have met the condition
            self._if_present[left] = left_known
            self._if_present[right] = right_known
            return NOTHING
        return left_known | right_known | self._facts_of_condition(join)

    def _facts_of_operand(
        self, join: Node, name: str, around: frozenset[Side], side: Side, nullable: bool
    ) -> Facts:
        operand = join.node(name)
        if operand is None:
            return NOTHING
        return self._facts_of_from(operand, around | {side} if nullable else around)

    def _facts_of_condition(self, item: Node) -> Facts:
        condition = item.node("quals")
        return NOTHING if condition is None else facts.when_true(condition, self)

    def _is_repeatable(self, node: Node) -> bool:
        if node.tag not in _REPEATABLE or node.integer("agglevelsup"):
            return False
        if node.tag == "PARAM":  # not the column of some subquery in a comparison
            return node.integer("paramkind") == _EXTERNAL
        if node.tag not in _CALLS:
            return True
        function = self.function(node)
        return function is not None and function.repeats_null

    def _variable_key(self, variable: Node) -> str:
        levels, number = variable.integer("varlevelsup"), variable.integer("varno")
        version = Returning(variable.integer("varreturningtype")).name
        # WHERE knows a changed row as it was, which RETURNING calls OLD.
        if levels == 0:
            if version == Returning.OLD.name:
                version = Returning.DEFAULT.name
            elif version == Returning.DEFAULT.name and number == self.new_rows_of:
                version = "RETURNED"
        return f"{version} {levels} {number} {variable.integer('varattno')}"

    def _fingerprint(self, value: Value) -> str:
        if isinstance(value, Node):
            if value.tag == "VAR":
                return self._variable_key(value)
            fields = (
                f"{name}={self._fingerprint(item)}"
                for name, item in value.fields.items()
                if name not in _INCIDENTAL
            )
            return f"{value.tag}({','.join(fields)})"
        if isinstance(value, list | tuple):
            return f"[{','.join(map(self._fingerprint, value))}]"
        return str(value)


def function_oid(call: Node) -> int:
    """The OID of the function behind a call or operator, or 0 for anything else."""
    return call.integer(_CALLS.get(call.tag, ""))


def _tables_in(item: Node) -> Iterator[int]:
    """The range table's entries that a part of FROM is made of, without the joins."""
    if item.tag == "RANGETBLREF":
        yield item.integer("rtindex")
    for name in ("larg", "rarg"):
        part = item.node(name)
        if part is not None:
            yield from _tables_in(part)
