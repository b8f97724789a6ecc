"""Can it be NULL? The rules for every kind of expression.

Sound before sharp: what these rules do not know may be NULL, and the reason says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools.sql import aggregates, cardinality, constants, facts, never_null
from tools.sql.catalogue import FIRST_NORMAL_OID, Catalogue, Function
from tools.sql.facts import Facts
from tools.sql.nodetree import Node
from tools.sql.scope import Scope
from tools.sql.tables import Tables
from tools.sql.verdict import Verdict, maybe, never, null_only_for_null

_CURRENT_SCHEMA = 14  # SQLValueFunctionOp
_EXTERNAL, _SUBLINK = 0, 2  # ParamKind
_ARRAY = 6  # SubLinkType


@dataclass(frozen=True, slots=True)
class Promises:
    """What the caller promises of the parameters' values, by number."""

    not_null: frozenset[int] = frozenset()
    """Those that are never None."""
    elements_not_null: frozenset[int] = frozenset()
    """Those that are arrays with no None in them."""


NO_PROMISES = Promises()


class Nullability:
    """Judges queries against one catalogue and one set of promises."""

    def __init__(self, catalogue: Catalogue, promises: Promises) -> None:
        self._catalogue = catalogue
        self._promises = promises
        self._tables = Tables(catalogue, self)
        self._rules: dict[str, Callable[[Node, Scope], Verdict]] = {
            "AGGREF": self._aggregate,
            "ARRAYCOERCEEXPR": self._same_as_argument,
            "ARRAYEXPR": _never_null("an ARRAY[…]"),
            "BOOLEANTEST": _never_null("IS TRUE, IS FALSE or IS UNKNOWN"),
            "BOOLEXPR": self._boolean,
            "CASEEXPR": self._case,
            "CASETESTEXPR": self._case_value,
            "COALESCEEXPR": self._coalesce,
            "COERCETODOMAIN": self._domain,
            "COERCEVIAIO": self._same_as_argument,
            "COLLATEEXPR": self._same_as_argument,
            "CONST": _constant,
            "CONVERTROWTYPEEXPR": self._same_as_argument,
            "CURRENTOFEXPR": _never_null("WHERE CURRENT OF"),
            "DISTINCTEXPR": self._distinct,
            "FIELDSELECT": self._field,
            "FUNCEXPR": self._call,
            "GROUPINGFUNC": _never_null("GROUPING()"),
            "JSONCONSTRUCTOREXPR": self._json_constructor,
            "JSONISPREDICATE": self._json_test,
            "JSONVALUEEXPR": self._json_value,
            "MERGESUPPORTFUNC": _never_null("merge_action()"),
            "MINMAXEXPR": self._coalesce,
            "NEXTVALUEEXPR": _never_null("a sequence's next value"),
            "NULLIFEXPR": self._nullif,
            "NULLTEST": _never_null("IS NULL or IS NOT NULL"),
            "OPEXPR": self._call,
            "PARAM": self._parameter,
            "RELABELTYPE": self._same_as_argument,
            "ROWCOMPAREEXPR": self._row_comparison,
            "ROWEXPR": _never_null("a ROW(…)"),
            "SCALARARRAYOPEXPR": self._array_comparison,
            "SQLVALUEFUNCTION": _sql_value,
            "SUBLINK": self._subquery,
            "SUBSCRIPTINGREF": self._subscript,
            "VAR": self._tables.variable,
            "WINDOWFUNC": self._window,
        }

    def columns(self, query: Node) -> list[Verdict]:
        """Judge the columns that a query returns."""
        return self._tables.outputs(Scope(query, self._catalogue))

    def judge(self, expression: Node, scope: Scope) -> Verdict:
        """Judge an expression."""
        if scope.is_left_out_of_groups(expression):
            return maybe("a grouping set leaves it out")
        rule = self._rules.get(expression.tag)
        if rule is None:
            return maybe(f"{expression.tag} is not understood")
        verdict = rule(expression, scope)
        if verdict.nullable and scope.is_known_not_null(expression):
            return never("the query keeps only rows in which it is not NULL")
        return verdict

    def _part(self, expression: Node, name: str, scope: Scope) -> Verdict:
        part = expression.node(name)
        if part is None:
            return maybe(f"{expression.tag} is not understood")
        return self.judge(part, scope)

    def _all(self, expressions: Iterable[Node], scope: Scope, reason: str) -> Verdict:
        judged = (self.judge(expression, scope) for expression in expressions)
        return null_only_for_null(judged, reason)

    def _same_as_argument(self, expression: Node, scope: Scope) -> Verdict:
        return self._part(expression, "arg", scope)

    # Parameters and constants

    def _parameter(self, parameter: Node, scope: Scope) -> Verdict:
        number = parameter.integer("paramid")
        match parameter.integer("paramkind"):
            case kind if kind == _EXTERNAL:
                if number in self._promises.not_null:
                    return never(f"${number} is never None")
                return maybe(f"${number} may be None")
            case kind if kind == _SUBLINK and 1 <= number <= len(scope.subquery_columns):
                return scope.subquery_columns[number - 1]
            case _:
                return maybe("PARAM is not understood here")

    def _case_value(self, _expression: Node, scope: Scope) -> Verdict:
        return scope.case_value or maybe("CASETESTEXPR is not understood here")

    # Functions and operators

    def _call(self, call: Node, scope: Scope) -> Verdict:
        function = scope.function(call)
        if function is None:
            return maybe(f"{call.tag} is not understood")
        if call.flag("funcretset") or call.flag("opretset"):
            if scope.returns_several_sets():
                return maybe("the shorter of several set-returning functions is filled with NULL")
            return self.judge_set(call, 1, scope)
        return self._of_arguments(function, call, scope)

    def _of_arguments(self, function: Function, call: Node, scope: Scope) -> Verdict:
        arguments = call.nodes("args")
        if function.is_null_only_for_null or _finite_field(function, arguments):
            reason = f"{function.name} is NULL only for a NULL argument"
            return self._all(arguments, scope, reason)
        # A NULL in place of a VARIADIC array is another matter than a NULL in it.
        variadic = arguments[-1:] if call.flag("funcvariadic") else []
        if function.is_one_of(never_null.NEVER):
            return self._all(variadic, scope, f"{function.name} is never NULL")
        if function.is_one_of(never_null.FIRST_ARGUMENT):
            reason = f"{function.name} is NULL only if its first argument is"
            return self._all([*arguments[:1], *variadic], scope, reason)
        if function.is_one_of(never_null.ANY_ARGUMENT):
            return self._first_not_null(arguments, scope)
        return maybe(f"{function.name} may return NULL")

    def _distinct(self, expression: Node, scope: Scope) -> Verdict:
        function = scope.function(expression)
        if function is None or not function.is_null_only_for_null:
            return maybe("IS DISTINCT FROM rests on an operator that may return NULL")
        return never("IS DISTINCT FROM is never NULL")

    def _nullif(self, _expression: Node, _scope: Scope) -> Verdict:
        return maybe("NULLIF is NULL if its arguments are equal")

    def _array_comparison(self, comparison: Node, scope: Scope) -> Verdict:
        function, arguments = scope.function(comparison), comparison.nodes("args")
        if function is None or not function.is_null_only_for_null or len(arguments) != 2:
            return maybe("the operator of ANY or ALL may return NULL")
        value, array = arguments
        judged = self._all([value, array], scope, "neither the value nor the array is NULL")
        return judged if judged.nullable else self._elements(array, scope)

    def _row_comparison(self, comparison: Node, scope: Scope) -> Verdict:
        if max(comparison.integers("opnos"), default=FIRST_NORMAL_OID) >= FIRST_NORMAL_OID:
            return maybe("the operator of the comparison may return NULL")
        parts = [*comparison.nodes("largs"), *comparison.nodes("rargs")]
        return self._all(parts, scope, "no part of the two rows is NULL")

    # Sets and arrays

    def judge_set(self, call: Node, column: int, scope: Scope) -> Verdict:
        """Judge a column of the rows that a set-returning function returns."""
        function = scope.function(call)
        if function is None:
            return maybe(f"{call.tag} is not understood")
        if function.is_null_free_set and column == 1:
            return never(f"{function.name} returns no NULL")
        columns = never_null.SET_COLUMNS.get(function.base_name, ()) if function.builtin else ()
        if column <= len(columns) and columns[column - 1]:
            return never(f"{function.name} returns no NULL there")
        is_unnest = function.builtin and function.base_name == "unnest"
        if is_unnest and function.arguments == "anyarray":
            elements = (self._elements(array, scope) for array in call.nodes("args"))
            return null_only_for_null(elements, "no element of the array is NULL")
        return maybe(f"{function.name} may return NULL")

    def _elements(self, array: Node, scope: Scope) -> Verdict:
        """Judge the elements of an array."""
        match array.tag:
            case "ARRAYEXPR" if array.flag("multidims"):
                parts = (self._elements(part, scope) for part in array.nodes("elements"))
                return null_only_for_null(parts, "no element of the array is NULL")
            case "ARRAYEXPR":
                return self._all(array.nodes("elements"), scope, "no element of the array is NULL")
            case "PARAM" if array.integer("paramkind") == _EXTERNAL:
                number = array.integer("paramid")
                if number in self._promises.elements_not_null:
                    return never(f"${number} has no None in it")
                return maybe(f"${number} may have None in it")
            case "RELABELTYPE":
                argument = array.node("arg")
                return maybe("") if argument is None else self._elements(argument, scope)
            case "CONST" if constants.is_array_without_null(array):
                return never("no element of the array is NULL")
            case "SUBLINK" if array.integer("subLinkType") == _ARRAY:
                return self._subquery_columns(array, scope)[0]
            case _:
                return maybe("elements of the array may be NULL")

    def _subscript(self, subscript: Node, scope: Scope) -> Verdict:
        lower = subscript.nodes("reflowerindexpr")
        is_slice = bool(lower) or isinstance(subscript.fields.get("reflowerindexpr"), list)
        if not is_slice:
            return maybe("a subscript outside the array yields NULL")
        bounds = [*subscript.nodes("refupperindexpr"), *lower]
        array = subscript.node("refexpr")
        parts = bounds if array is None else [array, *bounds]
        return self._all(parts, scope, "a slice of an array is NULL only if the array is")

    def _field(self, field: Node, scope: Scope) -> Verdict:
        row, number = field.node("arg"), field.integer("fieldnum")
        if row is not None and row.tag == "ROWEXPR" and 1 <= number <= len(row.nodes("args")):
            return self.judge(row.nodes("args")[number - 1], scope)
        return maybe("a composite value's field may be NULL")

    # Conditions

    def _boolean(self, expression: Node, scope: Scope) -> Verdict:
        parts = expression.nodes("args")
        operator = expression.text("boolop") or ""
        if operator == "not":
            return self._all(parts, scope, "NOT is NULL only for NULL")
        # An AND is NULL only if no part is false, so each part may count on that of the others.
        decided = facts.when_not_false if operator == "and" else facts.when_not_true
        for part in parts:
            verdict = self.judge(part, scope)
            if verdict.nullable:
                others = (decided(other, scope) for other in parts if other is not part)
                verdict = self.judge(part, scope.assuming(*others))
            if verdict.nullable:
                return verdict
        return never(f"no part of the {operator.upper()} can be NULL when it matters")

    def _case(self, expression: Node, scope: Scope) -> Verdict:
        """Judge every branch knowing its condition to be met, and those before it not to be."""
        reason = "no branch of the CASE is NULL"
        for branch in expression.nodes("args"):
            condition = branch.node("expr")
            if condition is None:
                return maybe("CASE is not understood")
            met = scope.assuming(facts.when_true(condition, scope))
            verdict = self._part(branch, "result", met)
            if verdict.nullable:
                return verdict
            scope = scope.assuming(facts.when_not_true(condition, scope))
        default = expression.node("defresult")
        if default is None or (default.tag == "CONST" and default.flag("constisnull")):
            return maybe("the CASE is NULL if no branch is taken")
        verdict = self.judge(default, scope)
        return verdict if verdict.nullable else never(reason)

    def _coalesce(self, expression: Node, scope: Scope) -> Verdict:
        """Judge COALESCE, GREATEST or LEAST, which are NULL only if all arguments are."""
        verdict = self._first_not_null(expression.nodes("args"), scope)
        if not verdict.nullable:
            return verdict
        # A FULL JOIN has a row on one side at least.
        for left, right in scope.full_joins_in_question():
            sides = (scope.assuming(Facts(present=frozenset({side}))) for side in (left, right))
            if not any(self._coalesce(expression, assumed).nullable for assumed in sides):
                return never("the FULL JOIN has a row on one side, and it is not NULL there")
        return verdict

    def _first_not_null(self, arguments: list[Node], scope: Scope) -> Verdict:
        verdict = maybe("it has no arguments")
        for argument in arguments:
            verdict = self.judge(argument, scope)
            if not verdict.nullable:
                return verdict
        return (
            verdict
            if len(arguments) == 1
            else maybe(f"all its arguments may be NULL: {verdict.reason}")
        )

    # Types

    def _domain(self, cast: Node, scope: Scope) -> Verdict:
        domain = self._catalogue.domains.get(cast.integer("resulttype"))
        if domain is not None and domain.not_null:
            return never("the cast to the domain refuses NULL")
        return self._same_as_argument(cast, scope)

    def _json_constructor(self, constructor: Node, scope: Scope) -> Verdict:
        """Judge JSON_OBJECT(…) and its like, and the conversion to the type it returns."""
        verdict = self._json(constructor, scope)
        if constructor.node("coercion") is None:
            return verdict
        return self._part(constructor, "coercion", scope.with_case_value(verdict))

    def _json(self, constructor: Node, scope: Scope) -> Verdict:
        match constructor.integer("type"):
            case 1 | 2:
                return never("JSON_OBJECT and JSON_ARRAY are never NULL")
            case 3 | 4:
                return self._part(constructor, "func", scope)
            case _:  # JSON, JSON_SCALAR, JSON_SERIALIZE
                reason = "JSON(…) is NULL only for a NULL argument"
                return self._all(constructor.nodes("args"), scope, reason)

    def _json_value(self, value: Node, scope: Scope) -> Verdict:
        return self._part(
            value, "formatted_expr" if value.node("formatted_expr") else "raw_expr", scope
        )

    def _json_test(self, test: Node, scope: Scope) -> Verdict:
        return self._part(test, "expr", scope)

    # Rows

    def _aggregate(self, call: Node, scope: Scope) -> Verdict:
        function, grouped = scope.function(call), scope.outer(call.integer("agglevelsup"))
        if function is None or grouped is None:
            return maybe("AGGREF is not understood")
        ungrouped = scope.in_aggregate()
        return aggregates.aggregate(
            call, function, grouped.query, lambda argument: self.judge(argument, ungrouped)
        )

    def _window(self, call: Node, scope: Scope) -> Verdict:
        function = scope.function(call)
        if function is None:
            return maybe("WINDOWFUNC is not understood")
        return aggregates.window(
            call, function, scope.query, lambda argument: self.judge(argument, scope)
        )

    def _subquery(self, subquery: Node, scope: Scope) -> Verdict:
        match subquery.integer("subLinkType"):
            case 0:
                return never("EXISTS is never NULL")
            case 1 | 2:  # ALL and ANY, which are true or false of no row
                compared = scope.comparing(self._subquery_columns(subquery, scope))
                return self._part(subquery, "testexpr", compared)
            case 3 | 4 if not self._finds_row(subquery):
                return maybe("the subquery may find no row")
            case 3:
                compared = scope.comparing(self._subquery_columns(subquery, scope))
                return self._part(subquery, "testexpr", compared)
            case 4:
                return self._subquery_columns(subquery, scope)[0]
            case 6:
                return never("ARRAY(…) is never NULL")
            case _:
                return maybe("SUBLINK is not understood")

    def _subquery_columns(self, subquery: Node, scope: Scope) -> list[Verdict]:
        query = subquery.node("subselect")
        if query is None:
            return [maybe("the subquery is not understood")]
        return self._tables.outputs(Scope(query, self._catalogue, parent=scope))

    def _finds_row(self, subquery: Node) -> bool:
        query = subquery.node("subselect")
        return query is not None and cardinality.finds_row(query)


def _never_null(what: str) -> Callable[[Node, Scope], Verdict]:
    verdict = never(f"{what} is never NULL")
    return lambda _expression, _scope: verdict


def _constant(constant: Node, _scope: Scope) -> Verdict:
    if constant.flag("constisnull"):
        return maybe("it is the constant NULL")
    return never("it is a constant")


def _sql_value(function: Node, _scope: Scope) -> Verdict:
    if function.integer("op") == _CURRENT_SCHEMA:
        return maybe("CURRENT_SCHEMA is NULL if the search path names no schema that exists")
    return never("the current date, time, user or database is never NULL")


def _finite_field(function: Function, arguments: list[Node]) -> bool:
    """Whether it is extract() of a field that even an infinite date has."""
    if not function.is_one_of(never_null.EXTRACT) or len(arguments) != 2:
        return False
    if function.arguments.split(",")[1] in never_null.ALWAYS_FINITE:
        return True
    field = constants.text(arguments[0])
    return field is not None and field.lower() in never_null.FINITE_FIELDS
