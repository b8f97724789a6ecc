"""Random schemas and random queries, for the property that no NULL comes out where none is claimed.

Everything follows from a seed, so that a failure can be repeated. Values come from a handful, so
that joins meet, groups have members and conditions are sometimes true.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

_PARAMETER = re.compile(r"\$(\d+)")
_PLACE = re.compile(r"\{(\w+)(!?)\}")
_NAME = re.compile(r"\w+\.\w+")


class Type(StrEnum):
    """The types that expressions are made of."""

    INT = "integer"
    TEXT = "text"
    BOOL = "boolean"
    ARRAY = "integer[]"
    JSON = "jsonb"
    MOOD = "mood"
    WHEN = "timestamptz"
    NUMBER = "numeric"


_LITERALS = {
    Type.INT: ["0", "1", "2", "3"],
    Type.TEXT: ["''", "'a'", "'b'", "'abc'"],
    Type.BOOL: ["true", "false"],
    Type.ARRAY: ["'{}'::integer[]", "'{1,2}'::integer[]", "'{NULL,1}'::integer[]", "ARRAY[0]"],
    Type.JSON: [
        """'{"a": 1}'::jsonb""",
        """'{"a": null}'::jsonb""",
        "'[1, null]'::jsonb",
        "'null'::jsonb",
    ],
    Type.MOOD: ["'sad'::mood", "'ok'::mood"],
    Type.WHEN: ["'2026-01-01Z'::timestamptz", "'infinity'::timestamptz"],
    Type.NUMBER: ["0.5", "1.0", "'NaN'::numeric"],
}
_COMMON = (Type.INT, Type.INT, Type.INT, Type.TEXT, Type.TEXT, Type.BOOL)


@dataclass(frozen=True)
class Column:
    name: str
    type: Type
    sql_type: str = ""
    """How a table declares it, if not by its type's own name."""
    constraint: str = ""
    may_hold_null: bool = True


@dataclass(frozen=True)
class Table:
    name: str
    columns: list[Column]
    writable: bool = True


@dataclass(frozen=True)
class Query:
    """A query, its parameters' values, and which of them are promised not to be None."""

    sql: str
    arguments: list[object]
    promised: frozenset[int]
    promised_elements: frozenset[int]


@dataclass
class Scope:
    """What expressions can refer to: columns by their qualified names."""

    columns: list[tuple[str, Type]] = field(default_factory=list[tuple[str, Type]])
    rows: list[str] = field(default_factory=list[str])
    """Aliases of tables, for whole rows."""
    grouped: Scope | None = None
    """In a grouped query, what aggregates can refer to."""
    windows: bool = False

    def __add__(self, other: Scope) -> Scope:
        return Scope(self.columns + other.columns, self.rows + other.rows)

    def dwelling_on(self, condition: str) -> Scope:
        """The same, where what a condition mentions is more likely to be used again."""
        mentioned = set(_NAME.findall(condition))
        again = [column for column in self.columns if column[0] in mentioned]
        return Scope([*self.columns, *again * 4], self.rows)

    def seen_from_inside(self) -> Scope:
        """What a subquery can refer to: of a grouped query, the columns that it groups by.

        Not OLD and NEW: PostgreSQL 18.6 crashes on some subqueries of RETURNING that do.
        """
        names = [(name, kind) for name, kind in self.columns if _NAME.fullmatch(name)]
        return Scope(
            [(name, kind) for name, kind in names if not name.startswith(("old.", "new."))],
            self.rows,
        )

    def of(self, wanted: Type) -> list[str]:
        return [name for name, kind in self.columns if kind == wanted]


@dataclass(frozen=True)
class Shape:
    """The SQL of a query and the types of its columns, which are named c1, c2, …"""

    sql: str
    types: list[Type]


class Generator:
    """Makes one schema and any number of queries on it."""

    def __init__(self, seed: int, version: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing secret
        self._version = version
        self._names = 0
        self._with_parameters = False
        self._ctes: list[Table] = []
        self._arguments: list[object] = []
        self._parameters: dict[Type, list[str]] = {kind: [] for kind in Type}
        self._promised: set[int] = set()
        self._promised_elements: set[int] = set()
        self.tables: list[Table] = []
        self.schema = self._schema()

    def view(self) -> tuple[Table, str]:
        """A view, which may fail like any query; add it to `tables` if it does not."""
        self._with_parameters = False
        shape = self._set_operation(2, None, None)
        columns = [Column(f"c{n}", kind) for n, kind in enumerate(shape.types, start=1)]
        view = Table(self._name("v"), columns, writable=False)
        return view, f"CREATE VIEW {view.name} AS {shape.sql}"

    def query(self) -> Query:
        self._arguments, self._promised, self._promised_elements = [], set(), set()
        self._parameters = {kind: [] for kind in Type}
        self._with_parameters = True
        self._ctes = []
        depth = self._pick([1, 2, 2, 3])
        sql = self._modification(depth) if self._chance(0.3) else self._select(depth).sql
        return self._with_used_parameters(sql)

    def _with_used_parameters(self, sql: str) -> Query:
        """Number the parameters that are left, for not everything that was made is used."""
        used = sorted({int(number) for number in _PARAMETER.findall(sql)})
        numbers = {old: new for new, old in enumerate(used, start=1)}
        return Query(
            _PARAMETER.sub(lambda match: f"${numbers[int(match[1])]}", sql),
            [self._arguments[old - 1] for old in used],
            frozenset(numbers[old] for old in used if old in self._promised),
            frozenset(numbers[old] for old in used if old in self._promised_elements),
        )

    # Chance

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _pick(self, items: list[T] | tuple[T, ...]) -> T:
        return self._random.choice(items)

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    # Schema

    def _schema(self) -> list[str]:
        statements = [
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "CREATE DOMAIN required AS integer NOT NULL",
            "CREATE DOMAIN small AS integer CHECK (VALUE < 100)",
            "CREATE FUNCTION maybe(integer) RETURNS integer LANGUAGE sql STRICT IMMUTABLE "
            "AS 'SELECT nullif($1, 1)'",
            "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql "
            "AS 'BEGIN NEW.t := NULL; RETURN NEW; END'",
        ]
        for _ in range(self._random.randint(2, 4)):
            statements += self._table()
        statements += self._parent_and_child()
        statements += self._partitioned()
        statements += self._updatable_view()
        return statements

    def _columns(self) -> list[Column]:
        columns = [
            Column("id", Type.INT, constraint="PRIMARY KEY", may_hold_null=False),
            Column("k", Type.INT, constraint=self._pick(["", "NOT NULL"])),
            Column("t", Type.TEXT),
        ]
        for number in range(self._random.randint(2, 5)):
            kind = self._pick(tuple(Type))
            columns.append(Column(f"x{number}", kind, constraint=self._pick(["", "", "NOT NULL"])))
        if self._chance(0.3):
            columns.append(Column("d", Type.INT, sql_type=self._pick(["required", "small"])))
        if self._chance(0.3):
            columns.append(Column("c", Type.INT, constraint="CHECK (c IS NOT NULL AND c < 100)"))
        if self._chance(0.2):
            columns.append(Column("g", Type.INT, constraint="GENERATED ALWAYS AS (k + 1) STORED"))
        return columns

    def _table(self) -> list[str]:
        table = Table(self._name("t"), self._columns())
        self.tables.append(table)
        statements = [self._create(table), *self._rows(table)]
        lax = [c.name for c in table.columns if c.name.startswith("x") and not c.constraint]
        if self._version >= 18 and lax and self._chance(0.5):
            statements.append(f"ALTER TABLE {table.name} ADD NOT NULL {lax[0]} NOT VALID")
        if self._chance(0.2):
            statements.append(
                f"CREATE TRIGGER forget BEFORE INSERT OR UPDATE ON {table.name} "
                "FOR EACH ROW EXECUTE FUNCTION forget()"
            )
        return statements

    def _parent_and_child(self) -> list[str]:
        """A table that another inherits from, which may have dropped NOT NULL."""
        parent = Table(self._name("p"), self._columns())
        child = Table(self._name("c"), parent.columns, writable=False)
        self.tables.append(parent)
        strict = [c.name for c in parent.columns if c.constraint == "NOT NULL"]
        statements = [
            self._create(parent),
            f"CREATE TABLE {child.name} () INHERITS ({parent.name})",
        ]
        if strict and self._version < 18:
            statements.append(f"ALTER TABLE {child.name} ALTER {strict[0]} DROP NOT NULL")
            loose = [
                Column(c.name, c.type, c.sql_type, "" if c.name == strict[0] else c.constraint)
                for c in parent.columns
            ]
            child = Table(child.name, loose)
        return [*statements, *self._rows(parent), *self._rows(child, first=100)]

    def _partitioned(self) -> list[str]:
        table = Table(self._name("r"), self._columns())
        self.tables.append(table)
        return [
            self._create(table) + " PARTITION BY RANGE (id)",
            f"CREATE TABLE {table.name}_low PARTITION OF {table.name} FOR VALUES FROM (0) TO (2)",
            f"CREATE TABLE {table.name}_high PARTITION OF {table.name} DEFAULT",
            *self._rows(table),
        ]

    def _updatable_view(self) -> list[str]:
        table = self._pick([table for table in self.tables if table.writable])
        view = Table(self._name("w"), table.columns)
        self.tables.append(view)
        names = ", ".join(column.name for column in table.columns)
        return [f"CREATE VIEW {view.name} AS SELECT {names} FROM {table.name} WHERE t IS NOT NULL"]

    def _create(self, table: Table) -> str:
        columns = ", ".join(
            f"{c.name} {c.sql_type or c.type} {c.constraint}" for c in table.columns
        )
        return f"CREATE TABLE {table.name} ({columns})"

    def _rows(self, table: Table, first: int = 0) -> list[str]:
        columns = [c for c in table.columns if "GENERATED" not in c.constraint]
        names = ", ".join(column.name for column in columns)
        return [
            f"INSERT INTO {table.name} ({names}) VALUES "
            f"({', '.join(self._stored_value(c, number) for c in columns)})"
            for number in range(first, first + self._pick([0, 1, 3, 4, 5]))
        ]

    def _stored_value(self, column: Column, number: int) -> str:
        if column.name == "id":
            return str(number)
        refuses = column.constraint not in ("", "PRIMARY KEY")
        if refuses or self._chance(0.55):
            return self._pick(_LITERALS[column.type])
        if column.sql_type == "required":  # as the manual warns, this gets past the domain
            return "(SELECT 1::required WHERE false)"
        return "NULL"

    # Queries

    def _select(
        self, depth: int, outer: Scope | None = None, types: list[Type] | None = None
    ) -> Shape:
        """A query with what may stand around it: WITH, UNION, ORDER BY, LIMIT."""
        before = len(self._ctes)
        clauses = (
            [self._cte(depth - 1) for _ in range(self._pick([0, 0, 1, 2]))] if depth > 1 else []
        )
        shape = self._set_operation(depth, outer, types)
        del self._ctes[before:]
        with_clause = f"WITH RECURSIVE {', '.join(clauses)} " if clauses else ""
        end = self._pick(["", "", "", " ORDER BY 1", " LIMIT 3", " OFFSET 1"])
        return Shape(f"{with_clause}{shape.sql}{end}", shape.types)

    def _cte(self, depth: int, *, recursive: bool = True) -> str:
        name = self._name("q")
        kind = self._random.random()
        extra = ""
        if kind < 0.25 and recursive:
            shape, body = self._recursive(name, depth)
            if "JSON" not in body and self._chance(0.3):
                extra = " CYCLE c1 SET looped USING path"
        elif kind < 0.45 and self._with_parameters and depth > 1:
            shape = self._modified_rows(depth)
            body = shape.sql
        else:
            shape = self._set_operation(depth, None, None)
            body = shape.sql
        columns = [Column(f"c{n}", kind) for n, kind in enumerate(shape.types, start=1)]
        names = ", ".join(column.name for column in columns)
        if extra:
            columns.append(Column("looped", Type.BOOL))
        self._ctes.append(Table(name, columns, writable=False))
        return f"{name} ({names}) AS ({body}){extra}"

    def _recursive(self, name: str, depth: int) -> tuple[Shape, str]:
        first = self._plain_select(depth, types=[Type.INT, *self._types(1) * 2])
        inner = Scope([(f"{name}.c{n}", kind) for n, kind in enumerate(first.types, start=1)])
        source = name
        if self._chance(0.5):
            table, alias = self._pick(self.tables), self._name("a")
            inner = inner + _scope_of(table, alias)
            join = self._pick(["LEFT JOIN", "JOIN"])
            condition = self._expression(Type.BOOL, inner, 1)
            source = f"{name} {join} {table.name} {alias} ON {condition}"
        rest = [f"({self._expression(kind, inner, 2)})::{kind}" for kind in first.types[1:]]
        if self._chance(0.5):  # so that a NULL takes two rounds to get there
            rest = [f"{name}.c3", f"NULL::{first.types[2]}"]
        again = f"SELECT {', '.join([f'{name}.c1 + 1', *rest])} FROM {source} WHERE {name}.c1 < 5"
        union = self._pick(["UNION ALL", "UNION"])
        return first, f"{first.sql} {union} {again}"

    def _set_operation(self, depth: int, outer: Scope | None, types: list[Type] | None) -> Shape:
        left = self._plain_select(depth, outer, types)
        if not self._chance(0.2) or depth < 2 or Type.JSON in left.types:
            return left
        right = self._plain_select(depth, outer, left.types)
        operator = self._pick(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"])
        return Shape(f"({left.sql}) {operator} ({right.sql})", left.types)

    def _types(self, count: int) -> list[Type]:
        return [self._pick(tuple(Type)) for _ in range(count)]

    def _plain_select(
        self, depth: int, outer: Scope | None = None, types: list[Type] | None = None
    ) -> Shape:
        types = types or self._types(self._random.randint(1, 4))
        outer = outer or Scope()
        source, inner = self._from(depth, outer)
        where = (
            f" WHERE {self._expression(Type.BOOL, inner + outer, 2)}" if self._chance(0.4) else ""
        )
        kind = self._random.random()
        rows = (inner + outer).dwelling_on(where)
        if kind < 0.25:
            group, scope = self._group_by(rows)
        elif kind < 0.4:
            group, scope = "", Scope(grouped=rows)
        else:
            group, scope = "", rows
            scope.windows = True
        outputs = [
            f"({self._expression(kind, scope, depth)})::{kind} AS c{number}"
            for number, kind in enumerate(types, start=1)
        ]
        distinct = "DISTINCT " if self._chance(0.1) else ""
        return Shape(f"SELECT {distinct}{', '.join(outputs)} FROM {source}{where}{group}", types)

    def _group_by(self, rows: Scope) -> tuple[str, Scope]:
        types = [self._pick(_COMMON) for _ in range(self._random.randint(1, 3))]
        expressions = [
            self._pick(rows.of(kind))
            if rows.of(kind) and self._chance(0.8)
            else f"coalesce({self._operation(kind, rows, 1)})"  # lest a constant count columns
            for kind in types
        ]
        scope = Scope(list(zip(expressions, types, strict=True)), grouped=rows, windows=True)
        listed = ", ".join(expressions)
        form = self._pick(
            ["{}", "{}", "ROLLUP ({})", "CUBE ({})", "GROUPING SETS (({}), (), ({}))"]
        )
        if form != "{}":
            scope.columns.append((f"grouping({expressions[0]})", Type.INT))
        having = f" HAVING {self._expression(Type.BOOL, scope, 2)}" if self._chance(0.3) else ""
        return f" GROUP BY {form.format(listed, expressions[0])}{having}", scope

    # FROM

    def _from(self, depth: int, outer: Scope) -> tuple[str, Scope]:
        sql, scope = self._source(depth, outer)
        for _ in range(self._pick([0, 0, 1, 1, 2]) if depth > 1 else 0):
            if self._chance(0.15):
                more, columns = self._source(depth - 1, scope + outer, lateral=True)
                sql, scope = f"{sql}, {more}", scope + columns
            else:
                sql, scope = self._join(sql, scope, depth, outer)
        return sql, scope

    def _join(self, left: str, known: Scope, depth: int, outer: Scope) -> tuple[str, Scope]:
        join = self._pick(
            ["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"]
        )
        lateral = join in ("JOIN", "LEFT JOIN") and self._chance(0.3)
        if self._chance(0.25) and not lateral:
            right, columns = self._from(depth - 1, outer)
            right = f"({right})" if "JOIN" in right and "," not in right else ""
            if not right:
                right, columns = self._source(depth - 1, outer)
        else:
            right, columns = self._source(
                depth - 1, known + outer if lateral else outer, lateral=lateral
            )
        scope = known + columns
        shared = _shared_column(known, columns)
        if shared and join != "CROSS JOIN" and self._chance(0.3):
            merged = self._name("u")
            scope.columns.append((f"{merged}.{shared}", Type.INT))
            return f"{left} {join} {right} USING ({shared}) AS {merged}", scope
        if join == "CROSS JOIN":
            return f"{left} CROSS JOIN {right}", scope
        condition = self._join_condition(join, known, columns, scope)
        return f"{left} {join} {right} ON {condition}", scope.dwelling_on(condition)

    def _join_condition(self, join: str, left: Scope, right: Scope, both: Scope) -> str:
        pairs = [(a, b) for a in left.of(Type.INT) for b in right.of(Type.INT)]
        if pairs and (join == "FULL JOIN" or self._chance(0.7)):
            a, b = self._pick(pairs)
            more = f" AND {self._expression(Type.BOOL, both, 1)}" if self._chance(0.2) else ""
            return f"{a} = {b}{more if join != 'FULL JOIN' else ''}"
        return "true" if join == "FULL JOIN" else self._expression(Type.BOOL, both, 1)

    def _source(self, depth: int, outer: Scope, *, lateral: bool = False) -> tuple[str, Scope]:
        alias = self._name("a")
        word = "LATERAL " if lateral else ""
        visible = outer if lateral else Scope()
        kind = self._random.random()
        if self._ctes and kind < 0.3:
            table = self._pick(self._ctes)
            return f"{table.name} {alias}", _scope_of(table, alias)
        if depth > 1 and kind < 0.45:
            shape = self._select(depth - 1, visible)
            return f"{word}({shape.sql}) {alias}", _scope_of_shape(shape, alias)
        if kind < 0.5:
            return self._values(alias)
        if kind < 0.6:
            return self._function(alias, visible, word)
        table = self._pick(self.tables)
        only = "ONLY " if self._chance(0.05) else ""
        return f"{only}{table.name} {alias}", _scope_of(table, alias)

    def _values(self, alias: str) -> tuple[str, Scope]:
        types = [self._pick(_COMMON) for _ in range(2)]
        rows = [
            f"({', '.join(f'({self._leaf(kind, Scope())})::{kind}' for kind in types)})"
            for _ in range(self._random.randint(1, 3))
        ]
        return (
            f"(VALUES {', '.join(rows)}) {alias} (c1, c2)",
            _scope_of_shape(Shape("", types), alias),
        )

    def _function(self, alias: str, visible: Scope, word: str) -> tuple[str, Scope]:
        array = self._expression(Type.ARRAY, visible, 1)
        json = self._expression(Type.JSON, visible, 1)
        call, types = self._pick(
            [
                ("generate_series(1, 2)", [Type.INT]),
                (f"unnest({array})", [Type.INT]),
                (f"unnest({array}, ARRAY[1, 2, 3])", [Type.INT, Type.INT]),
                (f"unnest({array}) WITH ORDINALITY", [Type.INT, Type.INT]),
                (
                    f"regexp_split_to_table({self._expression(Type.TEXT, visible, 1)}, 'b')",
                    [Type.TEXT],
                ),
                (f"jsonb_path_query({json}, '$.a')", [Type.JSON]),
                (f"jsonb_each(jsonb_build_object('k', {json}))", [Type.TEXT, Type.JSON]),
                (f"jsonb_each_text(jsonb_build_object('k', {json}))", [Type.TEXT, Type.TEXT]),
                (f"maybe({self._expression(Type.INT, visible, 1)})", [Type.INT]),
                (f"abs({self._expression(Type.INT, visible, 1)})", [Type.INT]),
            ]
        )
        scope = _scope_of_shape(Shape("", types), alias)
        names = ", ".join(f"c{number}" for number in range(1, len(types) + 1))
        if "ORDINALITY" in call:  # a bigint
            scope.columns.pop()
        return f"{word}{call} {alias} ({names})", scope

    # Changes

    def _modification(self, depth: int) -> str:
        before = len(self._ctes)
        clause = f"WITH {self._cte(depth, recursive=False)} " if self._chance(0.3) else ""
        sql = self._modified_rows(depth).sql
        del self._ctes[before:]
        return f"{clause}{sql}"

    def _modified_rows(self, depth: int) -> Shape:
        table, alias = self._pick([t for t in self.tables if t.writable]), self._name("m")
        make = self._pick([self._insert, self._insert, self._update, self._delete, self._merge])
        if make == self._merge and self._version < 17:
            make = self._update
        sql, scope = make(table, alias, depth)
        if self._version >= 18:
            changed = [column.name for column in table.columns]
            for version in ("old", "new"):
                scope = scope + Scope(
                    [(f"{version}.{c.name}", c.type) for c in table.columns if c.name in changed]
                )
        types = self._types(self._random.randint(1, 4))
        outputs = [
            f"({self._expression(kind, scope, 2)})::{kind} AS c{number}"
            for number, kind in enumerate(types, start=1)
        ]
        return Shape(f"{sql} RETURNING {', '.join(outputs)}", types)

    def _assigned(self, column: Column, scope: Scope) -> str:
        value = f"({self._expression(column.type, scope, 1)})::{column.type}"
        if column.constraint or column.sql_type == "required":
            return f"coalesce({value}, {self._pick(_LITERALS[column.type])})"
        return "NULL" if self._chance(0.3) else value

    def _insert(self, table: Table, alias: str, depth: int) -> tuple[str, Scope]:
        columns = [c for c in table.columns if "GENERATED" not in c.constraint and c.name != "id"]
        columns = [c for c in columns if c.constraint or self._chance(0.7)]
        names = ", ".join(["id", *(column.name for column in columns)])
        start = self._pick([0, 1, 50])
        if self._chance(0.6):
            rows = [
                f"({', '.join([str(start + n), *(self._assigned(c, Scope()) for c in columns)])})"
                for n in range(self._random.randint(1, 2))
            ]
            body = f"VALUES {', '.join(rows)}"
        else:
            source, scope = self._from(depth - 1, Scope())
            values = [
                f"{start} + row_number() OVER ()",
                *(self._assigned(c, scope) for c in columns),
            ]
            body = f"SELECT {', '.join(values)} FROM {source}"
        target = Scope([(f"{alias}.{c.name}", c.type) for c in table.columns], [alias])
        assigned = self._pick([c for c in table.columns if c.name in ("k", "t")])
        excluded = Scope([(f"excluded.{c.name}", c.type) for c in table.columns])
        updated = f"{assigned.name} = {self._assigned(assigned, target + excluded)}"
        conflict = self._pick(
            [
                "",
                " ON CONFLICT DO NOTHING",
                f" ON CONFLICT (id) DO UPDATE SET {updated}",
            ]
        )
        return f"INSERT INTO {table.name} AS {alias} ({names}) {body}{conflict}", target

    def _update(self, table: Table, alias: str, depth: int) -> tuple[str, Scope]:
        target = Scope([(f"{alias}.{c.name}", c.type) for c in table.columns], [alias])
        source, scope = ("", target)
        if self._chance(0.5):
            more, columns = self._from(depth - 1, Scope())
            source, scope = f" FROM {more}", target + columns
        changeable = [
            c for c in table.columns if "GENERATED" not in c.constraint and c.name != "id"
        ]
        assigned = self._random.sample(changeable, self._random.randint(1, 2))
        sets = ", ".join(f"{c.name} = {self._assigned(c, scope)}" for c in assigned)
        where = f" WHERE {self._expression(Type.BOOL, scope, 2)}"
        if self._chance(0.4):  # whether it was NULL says nothing of what it is set to
            where += f" AND {alias}.{assigned[0].name} IS NOT NULL"
        sql = f"UPDATE {table.name} AS {alias} SET {sets}{source}{where}"
        return sql, scope.dwelling_on(where).dwelling_on(sets)

    def _delete(self, table: Table, alias: str, depth: int) -> tuple[str, Scope]:
        scope = Scope([(f"{alias}.{c.name}", c.type) for c in table.columns], [alias])
        using = ""
        if self._chance(0.5):
            more, columns = self._from(depth - 1, Scope())
            using, scope = f" USING {more}", scope + columns
        where = f" WHERE {self._expression(Type.BOOL, scope, 2)}"
        return f"DELETE FROM {table.name} AS {alias}{using}{where}", scope.dwelling_on(where)

    def _merge(self, table: Table, alias: str, depth: int) -> tuple[str, Scope]:
        target = Scope([(f"{alias}.{c.name}", c.type) for c in table.columns], [alias])
        source, columns = self._source(depth - 1, Scope())
        both = target + columns
        on = self._join_condition("FULL JOIN", target, columns, both)
        assigned = self._pick([c for c in table.columns if c.name in ("k", "t")])
        inserted = [c for c in table.columns if c.constraint and "GENERATED" not in c.constraint]
        values = ["60", *(self._assigned(c, columns) for c in inserted if c.name != "id")]
        actions = [
            f"WHEN MATCHED THEN UPDATE SET {assigned.name} = {self._assigned(assigned, both)}",
            "WHEN MATCHED THEN DELETE",
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(c.name for c in inserted)}) "
            f"VALUES ({', '.join(values)})",
            f"WHEN NOT MATCHED BY SOURCE THEN UPDATE SET {assigned.name} = "
            f"{self._assigned(assigned, target)}",
            "WHEN NOT MATCHED BY SOURCE THEN DELETE",
        ]
        chosen = self._random.sample(actions, self._random.randint(1, 3))
        chosen.sort(key=actions.index)
        return f"MERGE INTO {table.name} AS {alias} USING {source} ON {on} {' '.join(chosen)}", both

    # Expressions

    def _expression(self, kind: Type, scope: Scope, depth: int) -> str:
        if depth <= 0 or self._chance(0.35):
            return self._leaf(kind, scope)
        return self._operation(kind, scope, depth)

    def _leaf(self, kind: Type, scope: Scope) -> str:
        names = scope.of(kind)
        if names and self._chance(0.8):
            return self._pick(names)
        if scope.grouped is not None and self._chance(0.5):
            return self._aggregate(kind, scope)
        if self._with_parameters and kind in _PARAMETERS and self._chance(0.25):
            return self._parameter(kind)
        if self._chance(0.2):
            return f"NULL::{kind}"
        return self._pick(_LITERALS[kind])

    def _parameter(self, kind: Type) -> str:
        """A new parameter or one that is there already, as in `SELECT $1 … WHERE x = $1`."""
        if self._parameters[kind] and self._chance(0.5):
            return self._pick(self._parameters[kind])
        value = self._pick(_PARAMETERS[kind])
        self._arguments.append(value)
        number = len(self._arguments)
        if value is not None and self._chance(0.6):
            self._promised.add(number)
            if isinstance(value, list) and None not in value and self._chance(0.7):
                self._promised_elements.add(number)
        parameter = f"${number}::{kind}"
        self._parameters[kind].append(parameter)
        return parameter

    def _operation(self, kind: Type, scope: Scope, depth: int) -> str:
        def make(wanted: Type) -> str:
            return self._expression(wanted, scope, depth - 1)

        if kind == Type.JSON and scope.rows and scope.grouped is None and self._chance(0.2):
            return f"to_jsonb({self._pick(scope.rows)})"
        makers = [*_ANY_TYPE, *_BY_TYPE[kind], *(_ELEMENTS if kind != Type.ARRAY else [])]
        chance = self._random.random()
        if chance < (0.25 if kind == Type.BOOL else 0.12) and depth > 1:
            return self._subquery(kind, scope, depth)
        if chance < 0.3 and scope.grouped is not None:
            return self._aggregate(kind, scope)
        if chance < 0.3 and scope.windows:
            return self._window(kind, scope)
        return self._fill(self._pick(makers), kind, make)

    def _fill(self, form: str, kind: Type, make: Callable[[Type], str]) -> str:
        """Put random expressions where a form names types, such as `{INT} + {INT}`.

        A marked one is the same wherever it is named, as in `{INT!} IS NULL OR {INT!} > {INT}`.
        """
        marked: dict[str, str] = {}

        def expression(match: re.Match[str]) -> str:
            name, mark = match.groups()
            made = make(kind if name == "SAME" else Type[name])
            return marked.setdefault(name, made) if mark else made

        return f"({_PLACE.sub(expression, form)})"

    def _subquery(self, kind: Type, scope: Scope, depth: int) -> str:
        outer = scope.seen_from_inside()
        if kind == Type.BOOL and self._chance(0.6):
            wanted = self._pick(_COMMON)
            shape = self._plain_select(depth - 1, outer, [wanted])
            value = self._expression(wanted, outer, 0)
            return self._pick(
                [
                    f"(EXISTS ({shape.sql}))",
                    f"({value} IN ({shape.sql}))",
                    f"({value} NOT IN ({shape.sql}))",
                    f"({value} > ALL ({shape.sql}))",
                    f"({value} = ANY (ARRAY({shape.sql})))",
                ]
            )
        if kind == Type.ARRAY and self._chance(0.5):
            return f"(ARRAY({self._plain_select(depth - 1, outer, [Type.INT]).sql}))"
        shape = self._plain_select(depth - 1, outer, [kind])
        return f"({shape.sql} LIMIT 1)" if self._chance(0.8) else f"({shape.sql})"

    def _aggregate(self, kind: Type, scope: Scope) -> str:
        rows = scope.grouped
        assert rows is not None

        def make(wanted: Type) -> str:
            return self._expression(wanted, rows, 1)

        call = self._fill(self._pick(_AGGREGATES[kind]), kind, make)[1:-1]
        if self._chance(0.2):
            call = f"{call} FILTER (WHERE {make(Type.BOOL)})"
        return f"({call})::{kind}"

    def _window(self, kind: Type, scope: Scope) -> str:
        plain = Scope(scope.columns, scope.rows)

        def make(wanted: Type) -> str:
            return self._expression(wanted, plain, 1)

        call = self._fill(self._pick(_WINDOWS.get(kind, []) + _ANY_WINDOWS), kind, make)[1:-1]
        partition = f"PARTITION BY {make(Type.INT)} " if self._chance(0.5) else ""
        order = f"ORDER BY {make(Type.TEXT)} " if self._chance(0.6) else ""
        frame = self._pick(_FRAMES)
        return f"({call} OVER ({partition}{order}{frame}))::{kind}"


_PARAMETERS: dict[Type, list[object]] = {
    Type.INT: [None, 0, 1, 2],
    Type.TEXT: [None, "", "a", "abc"],
    Type.BOOL: [None, True, False],
    Type.ARRAY: [None, [], [1, 2], [None, 1]],
}

_FRAMES = [
    "",
    "",
    "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
]

# {INT} and the like stand for an expression of that type, {SAME} for one of the type wanted.
_ANY_TYPE = [
    "coalesce({SAME}, {SAME})",
    "CASE WHEN {BOOL} IS TRUE THEN {SAME} ELSE {SAME} END",
    "CASE WHEN {INT} IS NULL THEN {SAME} WHEN {BOOL} IS NOT FALSE THEN {SAME} ELSE {SAME} END",
    "CASE WHEN {TEXT} = {TEXT} THEN {SAME} WHEN {INT} > {INT} THEN {SAME} END",
    "CASE {INT} WHEN 1 THEN {SAME} ELSE {SAME} END",
    "CASE WHEN {SAME!} IS NULL THEN {SAME} ELSE {SAME!} END",
    "CASE WHEN {SAME!} IS NOT NULL OR {BOOL} THEN {SAME!} ELSE {SAME} END",
    "CASE WHEN {SAME!} = {SAME} THEN {SAME} ELSE {SAME!} END",
    "nullif({SAME}, {SAME})",
    "greatest({SAME}, {SAME})",
    "(ROW({SAME}, 1)).f1",
]
_ELEMENTS = ["(ARRAY[{SAME}, {SAME}])[{INT}]"]
_BY_TYPE = {
    Type.INT: [
        "{INT} + {INT}",
        "{INT} - {INT}",
        "-{INT}",
        "abs({INT})",
        "maybe({INT})",
        "length({TEXT})",
        "strpos({TEXT}, {TEXT})",
        "cardinality({ARRAY})",
        "array_length({ARRAY}, 1)",
        "({ARRAY})[1]",
        "{BOOL}::integer",
        "({JSON} ->> 'a')::integer",
        "num_nulls({INT}, {TEXT})",
        "coalesce({INT}, 0)::required",
        "{INT}::small",
        "extract(year FROM least({WHEN}, '2026-01-01'))::integer",
        "array_position({ARRAY}, {INT})",
    ],
    Type.TEXT: [
        "{TEXT} || {TEXT}",
        "upper({TEXT})",
        "substring({TEXT} from 'b')",
        "substring({TEXT} from 1 for 1)",
        "concat({TEXT}, {INT})",
        "concat_ws({TEXT}, {TEXT}, {INT})",
        "format('%s', {TEXT})",
        "{INT}::text",
        "{MOOD}::text",
        "{JSON} ->> 'a'",
        "{JSON} #>> ARRAY['a']",
        "array_to_string({ARRAY}, ',')",
        "to_char({WHEN}, 'YYYY')",
        "jsonb_typeof({JSON})",
        "lower({TEXT})::varchar(2)",
        "split_part({TEXT}, 'b', 1)",
    ],
    Type.BOOL: [
        "{BOOL} AND {BOOL}",
        "{BOOL} OR {BOOL}",
        "NOT {BOOL}",
        "{INT} = {INT}",
        "{INT} < {INT}",
        "{TEXT} = {TEXT}",
        "{TEXT} LIKE 'a%'",
        "{MOOD} = {MOOD}",
        "{INT} IS NULL",
        "{INT} IS NOT NULL",
        "{TEXT} IS NOT NULL",
        "{INT!} IS NOT NULL AND {INT!} > {INT}",
        "{INT!} IS NULL OR {INT!} > {INT}",
        "NOT ({TEXT!} IS NULL AND {TEXT!} < {TEXT})",
        "{INT} = {INT} OR {TEXT} = {TEXT}",
        "{BOOL} IS TRUE",
        "{BOOL} IS NOT FALSE",
        "{BOOL} IS UNKNOWN",
        "{INT} IS DISTINCT FROM {INT}",
        "{INT} IN (1, 2, {INT})",
        "{INT} NOT IN ({INT}, 3)",
        "{INT} = ANY ({ARRAY})",
        "{INT} <> ALL ({ARRAY})",
        "{INT} BETWEEN {INT} AND {INT}",
        "({INT}, {TEXT}) = ({INT}, {TEXT})",
        "({INT}, {INT}) < ({INT}, {INT})",
        "{ARRAY} @> {ARRAY}",
        "{JSON} ? 'a'",
        "{JSON} @? '$.a'",
        "{JSON} IS JSON",
        "isfinite({WHEN})",
        "{NUMBER} > 0.5",
    ],
    Type.ARRAY: [
        "ARRAY[{INT}, {INT}]",
        "{ARRAY} || {ARRAY}",
        "array_append({ARRAY}, {INT})",
        "({ARRAY})[1:2]",
        "({ARRAY})[{INT}:2]",
        "array_remove({ARRAY}, {INT})",
        "string_to_array({INT}::text, ',')::integer[]",
    ],
    Type.JSON: [
        "to_jsonb({INT})",
        "jsonb_build_object('a', {INT})",
        "{JSON} -> 'a'",
        "jsonb_set(jsonb_build_object('a', 1), ARRAY['a'], {JSON})",
        "to_jsonb({ARRAY})",
        "jsonb_strip_nulls({JSON})",
        "jsonb_path_query_first({JSON}, '$.a')",
        "JSON_OBJECT('k': {INT} RETURNING jsonb)",
        "JSON_ARRAY({INT} RETURNING jsonb)",
    ],
    Type.MOOD: ["enum_last({MOOD})"],
    Type.WHEN: [
        "date_trunc('day', {WHEN})",
        "{WHEN} + interval '1 day'",
        "now()",
        "CURRENT_TIMESTAMP",
        "to_timestamp({INT})",
    ],
    Type.NUMBER: [
        "{NUMBER} + {NUMBER}",
        "round({NUMBER})",
        "{INT}::numeric",
        "extract(epoch FROM {WHEN})",
        "extract(hour FROM {WHEN})",
        "scale({NUMBER})::numeric",
    ],
}
_AGGREGATES = {
    Type.INT: [
        "count(*)",
        "count({INT})",
        "sum({INT})",
        "max({INT})",
        "min({INT})",
        "any_value({INT})",
    ],
    Type.TEXT: ["string_agg({TEXT}, {TEXT})", "max({TEXT})", "min({TEXT})"],
    Type.BOOL: ["bool_and({BOOL})", "bool_or({BOOL})", "every({BOOL})"],
    Type.ARRAY: ["array_agg({INT})", "array_agg({INT} ORDER BY {TEXT})", "max({ARRAY})"],
    Type.JSON: ["jsonb_agg({INT})", "jsonb_object_agg('a', {INT})", "jsonb_agg({JSON})"],
    Type.MOOD: ["max({MOOD})", "mode() WITHIN GROUP (ORDER BY {MOOD})"],
    Type.WHEN: ["max({WHEN})", "min({WHEN})"],
    Type.NUMBER: [
        "avg({INT})",
        "avg({NUMBER})",
        "stddev({NUMBER})",
        "var_pop({INT})",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY {INT})",
        "corr({INT}, {INT})",
    ],
}
_ANY_WINDOWS = [
    "first_value({SAME})",
    "last_value({SAME})",
    "lag({SAME})",
    "lead({SAME}, 1, {SAME})",
]
_WINDOWS = {
    Type.INT: ["row_number()", "rank()", "ntile(2)", "count(*)", "sum({INT})", "max({INT})"],
    Type.TEXT: ["max({TEXT})", "string_agg({TEXT}, ',')"],
    Type.BOOL: ["bool_and({BOOL})"],
    Type.ARRAY: ["array_agg({INT})"],
    Type.JSON: ["jsonb_agg({INT})"],
    Type.NUMBER: ["avg({INT})"],
}


def _shared_column(left: Scope, right: Scope) -> str | None:
    """The name of an integer column that a table on either side has, if there is one of each."""
    names = [[column.split(".")[1] for column, _ in side.columns] for side in (left, right)]
    for column in left.of(Type.INT):
        name = column.split(".")[1]
        if all(side.count(name) == 1 for side in names) and f".{name}" in "".join(
            right.of(Type.INT)
        ):
            return name
    return None


def _scope_of(table: Table, alias: str) -> Scope:
    return Scope([(f"{alias}.{column.name}", column.type) for column in table.columns], [alias])


def _scope_of_shape(shape: Shape, alias: str) -> Scope:
    columns = [(f"{alias}.c{number}", kind) for number, kind in enumerate(shape.types, start=1)]
    return Scope(columns, [alias])
