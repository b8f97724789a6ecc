"""The property that everything rests on: no NULL comes out of a column that is called not NULL."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import asyncpg
import pytest

from tests.tools.sql.generator import Generator, Query
from tools.sql import (
    Description,
    Promises,
    SqlError,
    Statement,
    aggregates,
    cardinality,
    describe_all,
    facts,
    grouping,
    nodetree,
)
from tools.sql.catalogue import Connection, Function
from tools.sql.facts import Facts
from tools.sql.nodetree import Node
from tools.sql.nullability import Nullability
from tools.sql.scope import Scope
from tools.sql.tables import Tables
from tools.sql.verdict import Verdict, never

QUERIES_A_SCHEMA = 100

# What a query of each kind must lead to, or the generator has lost a part of the language.
EXPECTED_TAGS = frozenset(
    {
        "AGGREF",
        "ARRAYCOERCEEXPR",
        "ARRAYEXPR",
        "BOOLEANTEST",
        "BOOLEXPR",
        "CASEEXPR",
        "COALESCEEXPR",
        "COERCETODOMAIN",
        "COERCEVIAIO",
        "COMMONTABLEEXPR",
        "CONST",
        "CTECYCLECLAUSE",
        "DISTINCTEXPR",
        "FIELDSELECT",
        "FUNCEXPR",
        "GROUPINGFUNC",
        "GROUPINGSET",
        "JOINEXPR",
        "JSONCONSTRUCTOREXPR",
        "JSONISPREDICATE",
        "MERGEACTION",
        "MINMAXEXPR",
        "NULLIFEXPR",
        "NULLTEST",
        "ONCONFLICTEXPR",
        "OPEXPR",
        "PARAM",
        "RANGETBLFUNCTION",
        "RELABELTYPE",
        "ROWCOMPAREEXPR",
        "ROWEXPR",
        "SCALARARRAYOPEXPR",
        "SETOPERATIONSTMT",
        "SQLVALUEFUNCTION",
        "SUBLINK",
        "SUBSCRIPTINGREF",
        "VAR",
        "WINDOWFUNC",
    }
)


@dataclass
class Findings:
    """What came of running random queries."""

    unsound: list[str] = field(default_factory=list[str])
    counts: Counter[str] = field(default_factory=Counter[str])

    def examine(self, query: Query, described: Description, rows: list[asyncpg.Record]) -> None:
        """Compare what was claimed of a query with what it returned."""
        self.counts["ran"] += 1
        self.counts[described.command] += 1
        if described.at_most_one_row and len(rows) > 1:
            self.unsound.append(f"more than one row: {query}")
        if described.at_least_one_row and not rows:
            self.unsound.append(f"no row: {query}")
        for index, column in enumerate(described.columns):
            has_null = any(row[index] is None for row in rows)
            self.counts["columns"] += 1
            claim = "nullable" if column.nullable else "not null"
            self.counts[claim] += 1
            self.counts[f"{claim}, with rows"] += bool(rows)
            self.counts[f"{claim}, with NULL"] += has_null
            if has_null and not column.nullable:
                self.unsound.append(f"{column.name}: {column.reason}\n{query}")

    def share(self, part: str, whole: str) -> float:
        return self.counts[part] / self.counts[whole]

    def __str__(self) -> str:
        return ", ".join(f"{name}: {count}" for name, count in sorted(self.counts.items()))


async def examine(connection: Connection, seed: int, count: int, findings: Findings) -> None:
    """Make a schema and queries on it from a seed, describe them, and run them."""
    generator = Generator(seed, connection.get_server_version().major)
    transaction = connection.transaction()
    await transaction.start()
    try:
        for statement in generator.schema:
            await connection.execute(statement)
        for view, sql in [generator.view() for _ in range(3)]:
            if await run(connection, sql, keep=True) is not None:
                generator.tables.append(view)
        queries = [generator.query() for _ in range(count)]
        described = await describe_all(
            connection,
            [
                Statement(query.sql, Promises(query.promised, query.promised_elements))
                for query in queries
            ],
        )
        for query, description in zip(queries, described, strict=True):
            if isinstance(description, SqlError):
                findings.counts["refused"] += 1
                continue
            rows = await run(connection, query.sql, query.arguments)
            if rows is None:
                findings.counts["failed"] += 1
            else:
                findings.examine(query, description, rows)
    finally:
        await transaction.rollback()


async def run(
    connection: Connection, sql: str, arguments: Iterable[object] = (), *, keep: bool = False
) -> list[asyncpg.Record] | None:
    """Run a statement and, unless it is to be kept, undo it; None if it fails, as some do."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(sql, *arguments)
    except asyncpg.PostgresError:
        await transaction.rollback()
        return None
    await (transaction.commit() if keep else transaction.rollback())
    return rows


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the kinds of nodes in the trees that the analysis sees."""
    counts: Counter[str] = Counter()
    parse_nodes = nodetree.parse_nodes

    def counting(text: str) -> list[Node]:
        nodes = parse_nodes(text)
        counts.update(node.tag for top in nodes for node in nodetree.walk(top))
        return nodes

    monkeypatch.setattr(nodetree, "parse_nodes", counting)
    return counts


async def test_no_null_comes_out_where_none_is_claimed(connection: Connection) -> None:
    findings = Findings()
    for seed in range(4):
        await examine(connection, seed, 75, findings)

    assert not findings.unsound, findings.unsound[0]
    assert findings.share("not null", "columns") > 0.25, findings


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 10_000, 1_000))
async def test_no_null_comes_out_of_ten_thousand_queries(
    connection: Connection, tags: Counter[str], start: int
) -> None:
    findings = Findings()
    for seed in range(start, start + 10):
        await examine(connection, seed, QUERIES_A_SCHEMA, findings)
    print(findings)  # noqa: T201 - the statistics of the run, with -s

    assert not findings.unsound, findings.unsound[0]
    # The property means nothing unless queries run, columns are claimed not to be NULL and have
    # rows to be wrong about, and nullable ones do turn out NULL.
    assert findings.counts["ran"] > 700
    assert findings.share("not null", "columns") > 0.3
    assert findings.share("not null, with rows", "not null") > 0.4
    assert findings.share("nullable, with NULL", "nullable, with rows") > 0.5
    missing = EXPECTED_TAGS - tags.keys()
    if connection.get_server_version().major < 17:
        missing -= {"MERGEACTION"}
    assert not missing


# Bugs such as the analysis could have, and the property must find.

NO = never("a planted bug")


def always(value: object) -> Callable[..., object]:
    def answer(*_: object) -> object:
        return value

    return answer


def outer_joins_are_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Tables, "_nulled", always(None))


def or_counts_as_and(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(facts, "_any", facts._all)  # pyright: ignore[reportPrivateUsage]


def unknown_counts_as_false(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(facts, "when_not_true", facts.when_false)


def conditions_of_outer_joins_always_hold(patch: pytest.MonkeyPatch) -> None:
    def completed(scope: Scope, known: Facts) -> Facts:
        return functools.reduce(Facts.__or__, scope._if_present.values(), known)  # pyright: ignore[reportPrivateUsage]

    patch.setattr(Scope, "_completed", completed)


def strict_functions_are_never_null(patch: pytest.MonkeyPatch) -> None:
    def is_strict(function: Function) -> bool:
        return function.strict

    patch.setattr(Function, "is_null_only_for_null", property(is_strict))


def groups_are_never_empty(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(grouping, "may_have_empty_group", always(False))


def window_frames_are_never_empty(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(aggregates, "_frame_has_its_row", always(True))


def subqueries_always_find_a_row(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cardinality, "finds_row", always(True))


def nullif_returns_its_argument(patch: pytest.MonkeyPatch) -> None:
    def first_argument(judge: Nullability, expression: Node, scope: Scope) -> Verdict:
        return judge.judge(expression.nodes("args")[0], scope)

    patch.setattr(Nullability, "_nullif", first_argument)


def arrays_hold_no_null(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Nullability, "_elements", always(NO))


def unions_are_like_their_left_side(patch: pytest.MonkeyPatch) -> None:
    operand = Tables._operand  # pyright: ignore[reportPrivateUsage]

    def left(tables: Tables, operation: Node, side: str, number: int, scope: Scope) -> Verdict:
        return NO if side == "rarg" else operand(tables, operation, side, number, scope)

    patch.setattr(Tables, "_operand", left)


def old_rows_are_held_to_new_constraints(patch: pytest.MonkeyPatch) -> None:
    stored = Tables._stored_column  # pyright: ignore[reportPrivateUsage]

    def written(tables: Tables, oid: int, number: int) -> Verdict:
        relation = tables._catalogue.relations.get(oid)  # pyright: ignore[reportPrivateUsage]
        column = None if relation is None else relation.columns.get(number)
        is_written = relation is not None and relation.view is None
        if is_written and column is not None and column.written is None:
            return NO
        return stored(tables, oid, number)

    patch.setattr(Tables, "_stored_column", written)


def merge_always_has_a_source(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Scope, "merges_without_source", always(False))


def changed_rows_meet_the_conditions_of_views(patch: pytest.MonkeyPatch) -> None:
    def unchanged(scope: Scope) -> Scope:
        return scope

    patch.setattr(Scope, "knowing_nothing", unchanged)


def where_is_about_the_new_row(patch: pytest.MonkeyPatch) -> None:
    def key(_scope: Scope, variable: Node) -> str:
        return " ".join(str(variable.integer(n)) for n in ("varlevelsup", "varno", "varattno"))

    patch.setattr(Scope, "_variable_key", key)


Bug = Callable[[pytest.MonkeyPatch], None]

COMMON: list[Bug] = [
    outer_joins_are_ignored,
    strict_functions_are_never_null,
    groups_are_never_empty,
]
RARE: list[Bug] = [
    or_counts_as_and,
    unknown_counts_as_false,
    conditions_of_outer_joins_always_hold,
    window_frames_are_never_empty,
    subqueries_always_find_a_row,
    nullif_returns_its_argument,
    arrays_hold_no_null,
    unions_are_like_their_left_side,
    old_rows_are_held_to_new_constraints,
    merge_always_has_a_source,
    changed_rows_meet_the_conditions_of_views,
    where_is_about_the_new_row,
]


NEEDED: dict[Bug, int] = {
    merge_always_has_a_source: 17,  # MERGE … RETURNING
    old_rows_are_held_to_new_constraints: 18,  # NOT NULL … NOT VALID
}


async def is_found(connection: Connection, queries: int) -> bool:
    findings = Findings()
    for seed in range(queries // QUERIES_A_SCHEMA):
        await examine(connection, seed, QUERIES_A_SCHEMA, findings)
        if findings.unsound:
            return True
    return False


@pytest.mark.parametrize("bug", COMMON)
async def test_a_common_bug_is_found_at_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, bug: Bug
) -> None:
    bug(monkeypatch)

    assert await is_found(connection, queries=1_000)


@pytest.mark.slow
@pytest.mark.parametrize("bug", RARE)
async def test_a_rare_bug_is_found(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, bug: Bug
) -> None:
    version = NEEDED.get(bug, 16)
    if connection.get_server_version().major < version:
        pytest.skip(f"what it is about came with PostgreSQL {version}")
    bug(monkeypatch)

    assert await is_found(connection, queries=6_000)
