"""Can a column be NULL? The rules for every kind of entry in a query's range table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from tools.sql.catalogue import FIRST_NORMAL_OID, Catalogue, Relation
from tools.sql.nodetree import Node
from tools.sql.scope import Command, Returning, Scope, Source
from tools.sql.verdict import Verdict, maybe, never

_INTERSECT, _EXCEPT = 2, 3  # SetOperation
_XMLTABLE = 0  # TableFuncType
_HAS_ROWS = (Source.RELATION, Source.SUBQUERY, Source.VALUES, Source.CTE)

# Where an expression says what type it has; the rest is taken for a type that is not known.
_TYPE_FIELDS = {
    "AGGREF": "aggtype",
    "ARRAYEXPR": "array_typeid",
    "CASEEXPR": "casetype",
    "COALESCEEXPR": "coalescetype",
    "COERCETODOMAIN": "resulttype",
    "COERCEVIAIO": "resulttype",
    "CONST": "consttype",
    "FUNCEXPR": "funcresulttype",
    "MINMAXEXPR": "minmaxtype",
    "NULLIFEXPR": "opresulttype",
    "OPEXPR": "opresulttype",
    "PARAM": "paramtype",
    "RELABELTYPE": "resulttype",
    "VAR": "vartype",
    "WINDOWFUNC": "wintype",
}


class Expressions(Protocol):
    """The rules for expressions, which lead back to those for columns."""

    def judge(self, expression: Node, scope: Scope) -> Verdict:
        """Judge an expression."""
        ...

    def judge_set(self, call: Node, column: int, scope: Scope) -> Verdict:
        """Judge a column of the rows that a set-returning function returns."""
        ...


class Tables:
    """Judges columns of tables, views, subqueries and what else stands in FROM."""

    def __init__(self, catalogue: Catalogue, expressions: Expressions) -> None:
        self._catalogue = catalogue
        self._expressions = expressions
        self._view_columns: dict[tuple[int, int], Verdict] = {}

    def outputs(self, scope: Scope) -> list[Verdict]:
        """Judge the columns that a query returns."""
        return [self._output(number + 1, scope) for number in range(len(scope.outputs()))]

    def variable(self, variable: Node, scope: Scope) -> Verdict:
        """Judge a reference to a column, of this query or one around it."""
        if scope.is_left_out_of_groups(variable):
            return maybe("a grouping set leaves it out")
        if scope.is_known_not_null(variable):
            return never("the query keeps only rows in which it is not NULL")
        levels = variable.integer("varlevelsup")
        if levels == 0:
            return self._nulled(variable, scope) or self._column(variable, scope)
        if scope.parent is None:
            return _not_understood(variable)
        from_there = Node("VAR", {**variable.fields, "varlevelsup": str(levels - 1)})
        return self.variable(from_there, scope.parent)

    # What a query returns

    def _output(self, number: int, scope: Scope) -> Verdict:
        """Judge one column, counted from 1."""
        target = scope.target()
        for relation in () if target is None else self._written_through(target):
            if relation.has_rules:
                return maybe(f"a rule on {relation.name} may return anything")
        operation = scope.query.node("setOperations")
        if operation is not None:
            return self._set_operation(operation, number, scope)
        outputs = scope.outputs()
        expression = outputs[number - 1].node("expr") if number <= len(outputs) else None
        if expression is None:
            return _not_understood(scope.query)
        return self._expressions.judge(expression, scope)

    def _set_operation(self, item: Node, number: int, scope: Scope) -> Verdict:
        """Judge a column of UNION, INTERSECT or EXCEPT."""
        if item.tag == "RANGETBLREF":
            return self._subquery_column(item.integer("rtindex"), number, scope)
        left = self._operand(item, "larg", number, scope)
        right = self._operand(item, "rarg", number, scope)
        operation = item.integer("op")
        if operation == _EXCEPT:
            return left
        if operation == _INTERSECT:
            return right if left.nullable else left
        return left if left.nullable else right

    def _operand(self, operation: Node, name: str, number: int, scope: Scope) -> Verdict:
        """Judge one side of a set operation, whose type PostgreSQL may convert."""
        item = operation.node(name)
        types = operation.integers("colTypes")
        if item is None or number > len(types):
            return _not_understood(operation)
        verdict = self._set_operation(item, number, scope)
        subquery = self._subquery(item.integer("rtindex"), scope)
        if verdict.nullable or item.tag != "RANGETBLREF" or subquery is None:
            return verdict
        given, wanted = self._output_type(number, subquery), types[number - 1]
        if given != wanted and max(given, wanted) >= FIRST_NORMAL_OID:
            return maybe("the set operation converts it by a cast that may return NULL")
        return verdict

    def _output_type(self, number: int, scope: Scope) -> int:
        """The OID of a column's type, or of the type under it if that is a domain."""
        outputs = scope.outputs()
        expression = outputs[number - 1].node("expr") if number <= len(outputs) else None
        if expression is None:
            return FIRST_NORMAL_OID
        oid = expression.integer(_TYPE_FIELDS.get(expression.tag, ""), default=FIRST_NORMAL_OID)
        domain = self._catalogue.domains.get(oid)
        return oid if domain is None else domain.base

    # Columns

    def _nulled(self, variable: Node, scope: Scope) -> Verdict | None:
        """Why a column can be NULL here although it is not in its table, if that is so."""
        sides = scope.nullable_sides(variable)
        for side in sorted(sides - scope.facts.present):
            return maybe(scope.describe_side(side))
        joins = {side.join for side in sides}
        for number in variable.integers("varnullingrels"):
            entry = scope.entry(number)
            if entry is not None and entry.integer("rtekind") == Source.GROUP:
                return maybe("a grouping set leaves it out")
            if number not in joins:
                return maybe("an outer join that is not understood may leave it NULL")
        return None

    def _column(self, variable: Node, scope: Scope) -> Verdict:
        number, column = variable.integer("varno"), variable.integer("varattno")
        entry = scope.entry(number)
        if entry is None:
            return _not_understood(variable)
        is_target = number == scope.query.integer("resultRelation")
        if not is_target and scope.merges_without_source():
            return maybe("WHEN NOT MATCHED BY SOURCE, there is no row of the source")
        kind = entry.integer("rtekind")
        if column == 0 and kind in _HAS_ROWS and not is_target:
            return never("a whole row is never NULL")
        match kind:
            case Source.RELATION if is_target:
                return self._changed_column(entry, variable, scope)
            case Source.RELATION:
                return self._stored_column(entry.integer("relid"), column)
            case Source.SUBQUERY:
                return self._subquery_column(number, column, scope)
            case Source.JOIN:
                return self._one_of(entry.nodes("joinaliasvars"), column, entry, scope)
            case Source.FUNCTION:
                return self._function_column(entry, column, scope)
            case Source.TABLE_FUNCTION:
                return _table_function_column(entry, column)
            case Source.VALUES:
                return self._values_column(entry, column, scope)
            case Source.CTE:
                return self._cte_column(entry, column, scope)
            case Source.GROUP:
                return self._one_of(entry.nodes("groupexprs"), column, entry, scope)
            case _:
                return _not_understood(entry)

    def _one_of(self, expressions: list[Node], number: int, entry: Node, scope: Scope) -> Verdict:
        if not 1 <= number <= len(expressions):
            return _not_understood(entry)
        return self._expressions.judge(expressions[number - 1], scope)

    # Tables and views

    def _stored_column(self, oid: int, number: int) -> Verdict:
        """Judge a column of rows that were there before the statement."""
        relation = self._catalogue.relations.get(oid)
        if relation is None:
            return maybe("its table is not in the catalogue")
        if relation.view is not None:
            key = (oid, number)
            if key not in self._view_columns:
                inside = Scope(relation.view, self._catalogue)
                self._view_columns[key] = self._in_view(relation, number, inside)
            return self._view_columns[key]
        if number < 0:
            return _system_column(relation)
        column = relation.columns.get(number)
        if column is None:
            return maybe(f"{relation.name} has no such column")
        if column.stored is not None:
            return maybe(column.stored)
        return never(f"{relation.name}.{column.name} is NOT NULL")

    def _in_view(self, view: Relation, number: int, inside: Scope) -> Verdict:
        verdict = self._output(number, inside)
        return Verdict(verdict.nullable, f"in the view {view.name}, {verdict.reason}")

    def _changed_column(self, entry: Node, variable: Node, scope: Scope) -> Verdict:
        """Judge a column of the row that RETURNING is about."""
        relation = self._catalogue.relations.get(entry.integer("relid"))
        if relation is None:
            return maybe("its table is not in the catalogue")
        version, number = variable.integer("varreturningtype"), variable.integer("varattno")
        actions = scope.actions()
        if version == Returning.OLD and Command.INSERT in actions:
            return maybe("OLD is NULL for a row that was inserted")
        if version == Returning.NEW and Command.DELETE in actions:
            return maybe("NEW is NULL for a row that was deleted")
        if number == 0:
            return never("a whole row is never NULL")
        for through in self._written_through(relation):
            if through.instead_triggers:
                return maybe(f"an INSTEAD OF trigger on {through.name} may return anything")
        if relation.view is not None:
            # A row changed through a view need not meet the view's conditions.
            inside = Scope(relation.view, self._catalogue).knowing_nothing()
            return self._in_view(relation, number, inside)
        is_old = version == Returning.OLD or (version == 0 and Command.DELETE in actions)
        column = relation.columns.get(number)
        if is_old or column is None:
            return self._stored_column(entry.integer("relid"), number)
        if column.written is not None:
            return maybe(column.written)
        return never(f"{relation.name}.{column.name} is NOT NULL")

    def _written_through(self, relation: Relation) -> Iterator[Relation]:
        """A table that is written to or, for a view, everything that the write may go on to."""
        yield relation
        entries = [] if relation.view is None else relation.view.nodes("rtable")
        for entry in entries:
            inner = self._catalogue.relations.get(entry.integer("relid"))
            # The range table of a view's query may name the view itself.
            if inner is not None and inner is not relation:
                yield from self._written_through(inner)

    # Subqueries

    def _subquery(self, number: int, scope: Scope) -> Scope | None:
        if number not in scope.subqueries:
            entry = scope.entry(number)
            query = None if entry is None else entry.node("subquery")
            if query is None:
                return None
            scope.subqueries[number] = Scope(query, self._catalogue, parent=scope)
        return scope.subqueries[number]

    def _subquery_column(self, number: int, column: int, scope: Scope) -> Verdict:
        key = (number, column)
        if key not in scope.known_columns:
            subquery = self._subquery(number, scope)
            if subquery is None:
                return maybe("its subquery is not understood")
            scope.known_columns[key] = self._output(column, subquery)
        return scope.known_columns[key]

    def _values_column(self, entry: Node, number: int, scope: Scope) -> Verdict:
        rows = entry.fields.get("values_lists")
        verdict = never("no row of VALUES has NULL there")
        for row in rows if isinstance(rows, list) else [None]:
            value = row[number - 1] if isinstance(row, list) and number <= len(row) else None
            if not isinstance(value, Node):
                return _not_understood(entry)
            verdict = self._expressions.judge(value, scope)
            if verdict.nullable:
                break
        return verdict

    # Common table expressions

    def _cte_column(self, entry: Node, number: int, scope: Scope) -> Verdict:
        owner, name = scope.outer(entry.integer("ctelevelsup")), entry.text("ctename")
        if owner is None or name is None:
            return _not_understood(entry)
        if name in owner.assumed and number <= len(owner.assumed[name]):
            nullable = owner.assumed[name][number - 1]
            return Verdict(nullable, f"the recursive query {name} decides")
        if (name, number) not in owner.cte_columns:
            self._judge_cte(name, owner)
        return owner.cte_columns.get((name, number)) or _not_understood(entry)

    def _judge_cte(self, name: str, owner: Scope) -> None:
        for cte in owner.query.nodes("cteList"):
            query = cte.node("ctequery")
            if cte.text("ctename") != name or query is None:
                continue
            if cte.flag("cterecursive"):
                verdicts = self._recursive(name, query, owner)
            else:
                verdicts = self.outputs(Scope(query, self._catalogue, parent=owner))
            verdicts += _search_and_cycle_columns(cte)
            for number, verdict in enumerate(verdicts, start=1):
                owner.cte_columns[name, number] = verdict

    def _recursive(self, name: str, query: Node, owner: Scope) -> list[Verdict]:
        """Judge a recursive query by induction over its rounds.

        Take all columns for not NULL; if the query then makes none NULL, no round does. If it does,
        take those for nullable and ask again, until nothing changes.
        """
        nullable: list[bool] = [False] * len(Scope(query, self._catalogue, owner).outputs())
        while True:
            assuming = owner.taking_for_nullable(name, nullable)
            verdicts = self.outputs(Scope(query, self._catalogue, parent=assuming))
            found = [verdict.nullable for verdict in verdicts]
            if found == nullable:
                return verdicts
            nullable = [old or new for old, new in zip(nullable, found, strict=True)]

    # Functions in FROM

    def _function_column(self, entry: Node, number: int, scope: Scope) -> Verdict:
        functions = entry.nodes("functions")
        width = sum(function.integer("funccolcount") for function in functions)
        if number == width + 1 and entry.flag("funcordinality"):
            return never("WITH ORDINALITY numbers every row")
        if len(functions) != 1:
            return maybe("ROWS FROM fills up the shorter function with NULL")
        call = functions[0].node("funcexpr")
        if call is None or number == 0:
            return _not_understood(entry)
        if call.flag("funcretset"):
            return self._expressions.judge_set(call, number, scope)
        if width == 1 and call.tag in ("FUNCEXPR", "SQLVALUEFUNCTION"):
            return self._expressions.judge(call, scope)
        return maybe("a function in FROM may return NULL")


def _table_function_column(entry: Node, number: int) -> Verdict:
    """Judge a column of XMLTABLE or JSON_TABLE."""
    function = entry.node("tablefunc")
    if function is not None and function.integer("functype") == _XMLTABLE:
        if function.integer("ordinalitycol", default=-1) == number - 1:
            return never("FOR ORDINALITY numbers every row")
        if number - 1 in function.integers("notnulls"):
            return never("XMLTABLE refuses NULL there")
    return maybe("XMLTABLE or JSON_TABLE may find nothing there")


def _system_column(relation: Relation) -> Verdict:
    if relation.kind in ("r", "p"):
        return never("a system column is never NULL")
    return maybe(f"{relation.name} is no table with system columns of its own")


def _search_and_cycle_columns(cte: Node) -> list[Verdict]:
    """Judge the columns that SEARCH and CYCLE add after those of the query itself, in order."""
    added = never("SEARCH and CYCLE add no NULL")
    verdicts = [added] if cte.node("search_clause") is not None else []
    cycle = cte.node("cycle_clause")
    if cycle is None:
        return verdicts
    marks = (cycle.node("cycle_mark_value"), cycle.node("cycle_mark_default"))
    values = [mark for mark in marks if mark is not None and mark.tag == "CONST"]
    is_marked = len(values) == 2 and not any(value.flag("constisnull") for value in values)
    mark = added if is_marked else maybe("the mark of CYCLE may be NULL")
    return [*verdicts, mark, added]


def _not_understood(node: Node) -> Verdict:
    return maybe(f"{node.tag} is not understood here")
