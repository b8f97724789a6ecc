"""What the analysis needs to know of the database's catalogue, read in a few round trips.

Trees name tables, functions and types by OID. `Catalogue.load` fetches everything that some trees
name, and everything that the views among them name in turn, so that the analysis itself runs
without the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg

from tools.sql import never_null, nodetree
from tools.sql.nodetree import Node

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# OIDs below this one were given out by initdb: they are PostgreSQL's own objects.
FIRST_NORMAL_OID = 16384

_RELATION_OIDS = re.compile(r":relid (\d+)")
_FUNCTION_OIDS = re.compile(r":(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)")


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column and what is certain about NULLs in it."""

    name: str
    stored: str | None
    """Why a stored row may hold NULL in it, or None if no row can."""
    written: str | None
    """Why a row just written may hold NULL in it, or None if PostgreSQL refuses such a row."""


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """Columns on which no two rows agree, if none of them is NULL."""

    columns: tuple[int, ...]
    equality: tuple[frozenset[int], ...]
    """For each column, the operators that the index takes for equality."""
    collations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or the like."""

    name: str
    kind: str
    """`pg_class.relkind`."""
    columns: Mapping[int, Column]
    unique_keys: tuple[UniqueKey, ...]
    view: Node | None
    """A view's query."""
    has_children: bool
    has_rules: bool
    """A rule other than a view's own may put anything in place of a statement."""
    instead_triggers: bool
    before_triggers: bool
    """A BEFORE trigger may put a value where a NULL came in."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, or the function behind an operator, or an aggregate or window function."""

    name: str
    """As a reader knows it: `lower(text)`, or the operator's name for an operator's function."""
    base_name: str
    arguments: str
    builtin: bool
    strict: bool
    volatility: str
    """`pg_proc.provolatile`: immutable, stable or volatile."""
    operators: frozenset[str]
    """The names of PostgreSQL's own operators that it stands behind."""

    @property
    def is_null_only_for_null(self) -> bool:
        """Whether it returns NULL only if an argument is NULL."""
        if not self.builtin:
            return False
        if self.base_name in never_null.FUNCTIONS:
            return f"{self.base_name}({self.arguments})" not in never_null.NULLABLE_OVERLOADS
        return (
            self.strict
            and not self.operators.isdisjoint(never_null.OPERATORS)
            and self.base_name not in never_null.NULLABLE_OPERATORS
        )

    @property
    def repeats_null(self) -> bool:
        """Whether the same arguments give NULL, or not NULL, throughout a statement.

        A stable function such as current_setting() may change its mind when a volatile one acts.
        """
        if self.volatility == "s":
            return self.is_null_only_for_null
        return self.builtin and self.volatility == "i"

    @property
    def is_null_free_set(self) -> bool:
        """Whether it returns a set of single values, none of them NULL."""
        signature = f"{self.base_name}({self.arguments})"
        return self.is_one_of(never_null.SETS) or (
            self.builtin and signature in never_null.SET_OVERLOADS
        )

    def is_one_of(self, names: frozenset[str]) -> bool:
        """Whether it is PostgreSQL's own and has one of these names."""
        return self.builtin and self.base_name in names


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain."""

    base: int
    """The OID of the type under it, and under all the domains that it may be over."""
    not_null: bool
    """Whether a cast to it refuses NULL."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tables, functions and domains by OID."""

    domains: dict[int, Domain]
    relations: dict[int, Relation] = field(default_factory=dict[int, Relation])
    functions: dict[int, Function] = field(default_factory=dict[int, Function])

    @classmethod
    async def load(cls, connection: Connection, trees: Iterable[str]) -> Catalogue:
        """Read what the given trees, still text, name, directly or through views."""
        catalogue = cls(await _domains(connection))
        pending = list(trees)
        while pending:
            relations = _oids(_RELATION_OIDS, pending) - catalogue.relations.keys()
            functions = _oids(_FUNCTION_OIDS, pending) - catalogue.functions.keys()
            pending = await catalogue._load_relations(connection, relations)
            await catalogue._load_functions(connection, functions)
        return catalogue

    async def _load_relations(self, connection: Connection, oids: set[int]) -> list[str]:
        """Add tables and views; return the trees of the views."""
        if not oids:
            return []
        columns: dict[int, dict[int, Column]] = {oid: {} for oid in oids}
        records = await connection.fetch(_RELATIONS, oids)
        checked = {record["oid"]: _checked_columns(record["checks"]) for record in records}
        for record in await connection.fetch(_COLUMNS, oids):
            not_null_by_check = record["number"] in checked[record["relation"]]
            columns[record["relation"]][record["number"]] = _column(record, not_null_by_check)
        keys = await _unique_keys(connection, oids)

        views: list[str] = []
        for record in records:
            rule: str | None = record["view"]
            if rule is not None:
                views.append(rule)
            self.relations[record["oid"]] = Relation(
                name=record["name"],
                kind=record["kind"],
                columns=columns[record["oid"]],
                unique_keys=tuple(keys.get(record["oid"], ())),
                view=None if rule is None else nodetree.parse_nodes(rule)[0],
                has_children=record["has_children"],
                has_rules=record["has_rules"],
                instead_triggers=record["instead_triggers"],
                before_triggers=record["before_triggers"],
            )
        return views

    async def _load_functions(self, connection: Connection, oids: set[int]) -> None:
        if not oids:
            return
        for record in await connection.fetch(_FUNCTIONS, oids):
            self.functions[record["oid"]] = _function(record)


def _oids(pattern: re.Pattern[str], trees: list[str]) -> set[int]:
    return {int(oid) for tree in trees for oid in pattern.findall(tree)} - {0}


def _function(record: asyncpg.Record) -> Function:
    operators = frozenset(record["operators"])
    builtin = record["oid"] < FIRST_NORMAL_OID and record["schema"] == "pg_catalog"
    signature = f"{record['name']}({record['arguments'].replace(',', ', ')})"
    return Function(
        name=f"the operator {min(operators)}" if operators else signature,
        base_name=record["name"],
        arguments=record["arguments"],
        builtin=builtin,
        strict=record["strict"],
        volatility=record["volatility"],
        operators=operators if builtin else frozenset(),
    )


def _column(record: asyncpg.Record, not_null_by_check: bool) -> Column:
    name = f"{record['relation_name']}.{record['name']}"
    kind = record["kind"]
    if kind == "m":
        return _nullable(record, f"{name} is a materialised view's, which keeps no constraint")
    if kind == "f":
        return _nullable(record, f"{name} is a foreign table's, whose NOT NULL nobody enforces")
    if kind not in ("r", "p"):
        return _nullable(record, f"{name} has no NOT NULL constraint")
    if not record["not_null"] and not not_null_by_check:
        return _nullable(record, _unconstrained(name, record["domain"]))
    if record["foreign_child"] is not None:
        child = record["foreign_child"]
        return _nullable(record, f"{child}, a part of it, is a foreign table, not held to NOT NULL")
    if not_null_by_check:
        return Column(record["name"], stored=None, written=None)
    if record["lax_child"] is not None:
        child = record["lax_child"]
        return _nullable(record, f"{child}, which inherits {name}, has no such NOT NULL constraint")
    if not record["valid"]:
        reason = f"{name} has a NOT NULL constraint that is NOT VALID for older rows"
        return Column(record["name"], stored=reason, written=None)
    return Column(record["name"], stored=None, written=None)


def _nullable(record: asyncpg.Record, reason: str) -> Column:
    return Column(record["name"], stored=reason, written=reason)


def _unconstrained(name: str, not_null_domain: str | None) -> str:
    if not_null_domain is None:
        return f"{name} has no NOT NULL constraint"
    # An outer join or an empty scalar subquery yields a NULL of the domain's type, and that is
    # stored without a check, as PostgreSQL's documentation of CREATE DOMAIN warns.
    return (
        f"{name} has no NOT NULL constraint of its own, and that of its domain {not_null_domain} "
        "does not keep out a NULL that an outer join or an empty subquery made"
    )


def _checked_columns(checks: list[str]) -> frozenset[int]:
    """The columns that CHECK constraints such as `a IS NOT NULL AND …` keep from being NULL."""
    numbers: set[int] = set()
    for check in checks:
        for condition in nodetree.parse_nodes(check):
            numbers.update(_not_null_conjuncts(condition))
    return frozenset(numbers)


def _not_null_conjuncts(condition: Node) -> Iterable[int]:
    # A CHECK is content with NULL, so only what is never NULL itself says anything.
    if condition.tag == "BOOLEXPR" and condition.text("boolop") == "and":
        for part in condition.nodes("args"):
            yield from _not_null_conjuncts(part)
    tested = condition.node("arg")
    if (
        condition.tag == "NULLTEST"
        and condition.integer("nulltesttype") == 1
        and tested is not None
        and tested.tag == "VAR"
    ):
        yield tested.integer("varattno")


async def _domains(connection: Connection) -> dict[int, Domain]:
    records = await connection.fetch(
        """
        WITH RECURSIVE domain (oid, base, not_null) AS (
            SELECT oid, typbasetype, typnotnull FROM pg_catalog.pg_type WHERE typtype = 'd'
            UNION ALL
            SELECT domain.oid, under.typbasetype, domain.not_null OR under.typnotnull
            FROM domain
            JOIN pg_catalog.pg_type AS under ON under.oid = domain.base AND under.typtype = 'd'
        )
        SELECT domain.oid, domain.base, domain.not_null
        FROM domain JOIN pg_catalog.pg_type AS base ON base.oid = domain.base
        WHERE base.typtype <> 'd'
        """
    )
    return {record["oid"]: Domain(record["base"], record["not_null"]) for record in records}


async def _unique_keys(connection: Connection, oids: set[int]) -> dict[int, list[UniqueKey]]:
    keys: dict[int, list[UniqueKey]] = {}
    for record in await connection.fetch(_UNIQUE_KEYS, oids):
        key = UniqueKey(
            columns=tuple(record["columns"]),
            equality=tuple(
                frozenset(map(int, operators.split())) for operators in record["equality"]
            ),
            collations=tuple(record["collations"]),
        )
        keys.setdefault(record["relation"], []).append(key)
    return keys


# A family is a table with everything that inherits from it or is a part of it.
# In pg_trigger.tgtype, 1 is FOR EACH ROW, 2 is BEFORE and 64 is INSTEAD OF.
_RELATIONS = """
    WITH RECURSIVE family (root, member) AS (
        SELECT oid, oid FROM unnest($1::oid[]) AS oid
        UNION
        SELECT family.root, i.inhrelid
        FROM family JOIN pg_catalog.pg_inherits AS i ON i.inhparent = family.member
    )
    SELECT c.oid,
           c.oid::regclass::text AS name,
           c.relkind::text AS kind,
           (SELECT r.ev_action::text FROM pg_catalog.pg_rewrite AS r
            WHERE r.ev_class = c.oid AND r.ev_type = '1' AND c.relkind = 'v') AS view,
           EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid)
               AS has_children,
           EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r
                   WHERE r.ev_class = c.oid AND r.ev_type <> '1') AS has_rules,
           EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
                   WHERE t.tgrelid = c.oid AND t.tgtype & 64 <> 0) AS instead_triggers,
           EXISTS (SELECT FROM family JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = family.member
                   WHERE family.root = c.oid AND t.tgtype & 3 = 3) AS before_triggers,
           ARRAY(SELECT k.conbin::text FROM pg_catalog.pg_constraint AS k
                 WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated
                   AND NOT k.connoinherit) AS checks
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = ANY($1::oid[])
"""

# A query of a parent table reads its children too, and a child's column may lack the constraint:
# before PostgreSQL 18 it could be dropped there, since then it can be NO INHERIT.
_COLUMNS = """
    WITH RECURSIVE family (root, member) AS (
        SELECT oid, oid FROM unnest($1::oid[]) AS oid
        UNION
        SELECT family.root, i.inhrelid
        FROM family JOIN pg_catalog.pg_inherits AS i ON i.inhparent = family.member
    ),
    children AS (
        SELECT family.root, a.attname,
               min(c.oid::regclass::text) FILTER (WHERE NOT a.attnotnull) AS lax_child,
               min(c.oid::regclass::text) FILTER (WHERE c.relkind = 'f') AS foreign_child,
               bool_and(validated.yes) AS valid
        FROM family
        JOIN pg_catalog.pg_class AS c ON c.oid = family.member
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        CROSS JOIN LATERAL (
            SELECT NOT EXISTS (
                SELECT FROM pg_catalog.pg_constraint AS k
                WHERE k.conrelid = c.oid AND k.contype = 'n' AND NOT k.convalidated
                  AND k.conkey = ARRAY[a.attnum]) AS yes
        ) AS validated
        WHERE NOT a.attisdropped
        GROUP BY family.root, a.attname
    )
    SELECT c.oid AS relation,
           c.oid::regclass::text AS relation_name,
           c.relkind::text AS kind,
           a.attnum AS number,
           a.attname AS name,
           a.attnotnull AS not_null,
           CASE WHEN t.typtype = 'd' AND t.typnotnull THEN t.oid::regtype::text END AS domain,
           children.lax_child,
           children.foreign_child,
           children.valid
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    JOIN children ON children.root = c.oid AND children.attname = a.attname
    WHERE c.oid = ANY($1::oid[]) AND NOT a.attisdropped
"""

_FUNCTIONS = """
    SELECT p.oid,
           p.proname AS name,
           n.nspname AS schema,
           coalesce((SELECT string_agg(format_type(argument, NULL), ',' ORDER BY position)
                     FROM unnest(p.proargtypes) WITH ORDINALITY AS a (argument, position)), '')
               AS arguments,
           p.proisstrict AS strict,
           p.provolatile::text AS volatility,
           ARRAY(SELECT o.oprname FROM pg_catalog.pg_operator AS o
                 WHERE o.oprcode = p.oid AND o.oprnamespace = 'pg_catalog'::regnamespace)
               AS operators
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.oid = ANY($1::oid[])
"""

# Not counted: partial indexes, indexes on expressions, and deferrable constraints, which may be
# violated until the transaction ends.
_UNIQUE_KEYS = """
    SELECT i.indrelid AS relation,
           ARRAY(SELECT key.attnum FROM unnest(i.indkey) WITH ORDINALITY AS key (attnum, position)
                 WHERE key.position <= i.indnkeyatts ORDER BY key.position) AS columns,
           ARRAY(SELECT (SELECT string_agg(o.amopopr::oid::text, ' ')
                         FROM pg_catalog.pg_amop AS o
                         WHERE o.amopfamily = class.opcfamily AND o.amopstrategy = 3)
                 FROM unnest(i.indclass) WITH ORDINALITY AS c (oid, position)
                 JOIN pg_catalog.pg_opclass AS class ON class.oid = c.oid
                 ORDER BY c.position) AS equality,
           ARRAY(SELECT c.oid FROM unnest(i.indcollation) WITH ORDINALITY AS c (oid, position)
                 ORDER BY c.position) AS collations
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS index ON index.oid = i.indexrelid
    JOIN pg_catalog.pg_am AS method ON method.oid = index.relam AND method.amname = 'btree'
    WHERE i.indrelid = ANY($1::oid[])
      AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL
"""
