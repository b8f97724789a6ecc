"""Describing statements: parameters, types, numbers of rows, and errors."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.tools.sql.cases import SCHEMA
from tools.sql import (
    Description,
    Field,
    Kind,
    Promises,
    SqlError,
    SqlType,
    Statement,
    describe,
    describe_all,
)
from tools.sql.catalogue import Connection


@pytest.fixture(autouse=True)
async def schema(connection: Connection) -> None:
    await connection.execute(SCHEMA)


async def describe_each(connection: Connection, sqls: Iterable[str]) -> dict[str, Description]:
    """Describe statements that PostgreSQL takes."""
    listed = list(sqls)
    described = await describe_all(connection, [Statement(sql) for sql in listed])
    assert [outcome for outcome in described if isinstance(outcome, SqlError)] == []
    return {
        sql: outcome
        for sql, outcome in zip(listed, described, strict=True)
        if isinstance(outcome, Description)
    }


# Parameters


REFUSED: dict[str, set[int]] = {
    "INSERT INTO comments (post_id, number, text, parent) VALUES ($1, $2, $3, $4)": {1, 2, 3},
    "INSERT INTO comments (post_id, number, text) VALUES (1, 2, lower($1)), (3, 4, $2)": {1, 2},
    "INSERT INTO comments (post_id, number, text) VALUES (1, 2, coalesce($1, ''))": set(),
    "INSERT INTO comments (post_id, number, text) SELECT id, $1, $2 FROM posts": {1, 2},
    "UPDATE posts SET title = $1, body = $2, words = $3 + 1 WHERE id = $4": {1, 3},
    "UPDATE posts SET title = coalesce($1, title)": set(),
    "UPDATE posts SET checked = $1": {1},
    "INSERT INTO comments (post_id, number, text) VALUES (1, 2, '') "
    "ON CONFLICT (post_id, number) DO UPDATE SET text = $1, parent = $2": {1},
    "MERGE INTO comments c USING posts p ON c.post_id = p.id "
    "WHEN MATCHED THEN UPDATE SET text = $1, parent = $2": {1},
    "WITH made AS (INSERT INTO comments VALUES ($1, 1, 'a') RETURNING 1) SELECT 1": {1},
    "INSERT INTO users (name, address, contact) VALUES ($1, $2, $3)": {1, 2, 3},
    "SELECT $1::email": {1},
    "SELECT id FROM users WHERE nickname = $1 LIMIT $2": set(),
    # A trigger may put something in the place of NULL.
    "INSERT INTO guarded (id, title) VALUES ($1, $2)": set(),
}


async def test_parameters_that_refuse_null(connection: Connection) -> None:
    described = await describe_each(connection, REFUSED)

    refused = {
        sql: {parameter.number for parameter in one.parameters if not parameter.accepts_null}
        for sql, one in described.items()
    }
    assert refused == REFUSED


async def test_a_refusal_names_the_column(connection: Connection) -> None:
    described = await describe(connection, "UPDATE posts SET title = $1")

    assert described.parameters[0].reason == "it goes into posts.title, which is NOT NULL"


# Types


async def test_types_are_described_with_their_parts(connection: Connection) -> None:
    described = await describe(
        connection,
        "SELECT id, name::varchar(10), mood, contact, created, tags, ARRAY[mood] AS moods, data, "
        "1.5 AS n, int4range(1, 2) AS r FROM users WHERE id = $1 AND mood = $2",
    )
    types = {column.name: column.type for column in described.columns}

    assert [(t.name, t.sql, t.kind) for t in types.values()] == [
        ("int8", "bigint", Kind.BASE),
        ("varchar", "character varying", Kind.BASE),
        ("mood", "mood", Kind.ENUM),
        ("email", "email", Kind.DOMAIN),
        ("timestamptz", "timestamp with time zone", Kind.BASE),
        ("_text", "text[]", Kind.ARRAY),
        ("_mood", "mood[]", Kind.ARRAY),
        ("jsonb", "jsonb", Kind.BASE),
        ("numeric", "numeric", Kind.BASE),
        ("int4range", "int4range", Kind.RANGE),
    ]
    assert types["mood"].labels == ("sad", "ok")
    assert types["moods"].part == types["mood"]
    assert types["contact"].not_null
    assert types["contact"].part == types["tags"].part
    assert [parameter.type for parameter in described.parameters] == [types["id"], types["mood"]]


async def test_a_row_type_has_fields(connection: Connection) -> None:
    described = await describe(connection, "SELECT c FROM comments c")
    integer = SqlType("pg_catalog", "int4", "integer", Kind.BASE)

    row = described.columns[0].type

    assert (row.schema, row.name, row.kind) == ("public", "comments", Kind.COMPOSITE)
    assert [field.name for field in row.fields] == ["post_id", "number", "text", "parent"]
    assert row.fields[3] == Field("parent", integer)


async def test_a_type_outside_the_search_path_is_named_with_its_schema(
    connection: Connection,
) -> None:
    await connection.execute("CREATE SCHEMA app; CREATE TYPE app.size AS ENUM ('S', 'L')")

    described = await describe(connection, "SELECT 'S'::app.size")

    assert described.columns[0].type.sql == "app.size"


# Commands and rows


COMMANDS = {
    "SELECT 1": "SELECT",
    "  ;SELECT 1; -- done": "SELECT",
    "/* a */ VALUES (1)": "SELECT",
    "TABLE users": "SELECT",
    "INSERT INTO guarded DEFAULT VALUES": "INSERT",
    "UPDATE users SET nickname = NULL": "UPDATE",
    "DELETE FROM users": "DELETE",
    "WITH gone AS (DELETE FROM users RETURNING id) SELECT id FROM gone": "SELECT",
    "-- a\nSHOW work_mem": "SHOW",
    "CREATE TABLE new (id integer)": "CREATE",
    "explain SELECT 1": "EXPLAIN",
}


async def test_the_command_is_told(connection: Connection) -> None:
    described = await describe_each(connection, COMMANDS)

    assert {sql: one.command for sql, one in described.items()} == COMMANDS


SINGLE = [
    "SELECT id FROM users WHERE id = $1",
    "SELECT id FROM users WHERE $1 = id AND name = 'a'",
    "SELECT text FROM comments WHERE post_id = $1 AND number = 2",
    "SELECT p.id FROM posts p JOIN users u ON u.id = p.author_id WHERE p.id = $1",
    "SELECT p.id FROM posts p LEFT JOIN users u ON u.id = p.editor_id WHERE p.id = $1",
    "SELECT name FROM users LIMIT 1",
    "SELECT count(*) FROM users",
    "SELECT 1",
    "SELECT x.n FROM (SELECT count(*) AS n FROM users) x",
    "INSERT INTO users (name, address) VALUES ('a', 'b') RETURNING id",
    "UPDATE users SET name = 'a' WHERE id = $1 RETURNING id",
    "DELETE FROM comments WHERE (post_id, number) = ($1, $2) RETURNING text",
]


async def test_at_most_one_row_comes(connection: Connection) -> None:
    described = await describe_each(connection, SINGLE)

    assert [sql for sql, one in described.items() if not one.at_most_one_row] == []


SEVERAL = [
    "SELECT id FROM users",
    "SELECT id FROM users WHERE id > $1",
    "SELECT id FROM users WHERE id = $1 OR id = $2",
    "SELECT text FROM comments WHERE post_id = $1",
    "SELECT u.id FROM users u JOIN posts p ON u.id = p.author_id WHERE u.id = $1",
    "SELECT u.id FROM users u LEFT JOIN posts p ON p.id = 1 AND u.id = 1",
    "SELECT id FROM users WHERE id = (random() * 10)::integer",
    "SELECT count(*) FROM users GROUP BY name",
    "SELECT name FROM users LIMIT 2",
    "SELECT name FROM users ORDER BY name FETCH FIRST 1 ROW WITH TIES",
    "SELECT unnest(tags) FROM users WHERE id = 1",
    "SELECT id FROM users WHERE id = 1 UNION ALL SELECT 2",
    "SELECT title FROM events_2026, posts WHERE posts.id = 1",
    "INSERT INTO users (name, address) VALUES ('a', 'b'), ('c', 'd') RETURNING id",
]


async def test_several_rows_may_come(connection: Connection) -> None:
    described = await describe_each(connection, SEVERAL)

    assert [sql for sql, one in described.items() if one.at_most_one_row] == []


CERTAIN = {
    "SELECT max(id) FROM users": True,
    "SELECT max(id) FROM users HAVING max(id) > 1": False,
    "SELECT 1 WHERE $1": False,
    "SELECT u.id FROM (VALUES (1)) v (id) LEFT JOIN users u ON u.id = v.id": True,
    "INSERT INTO users (name, address) VALUES ('a', 'b') RETURNING id": True,
    "INSERT INTO comments VALUES (1, 1, '') ON CONFLICT DO NOTHING RETURNING 1": False,
    "INSERT INTO guarded VALUES (1) RETURNING id": False,
    "SELECT id FROM users WHERE id = 1": False,
}


async def test_whether_a_row_is_certain(connection: Connection) -> None:
    described = await describe_each(connection, CERTAIN)

    assert {sql: one.at_least_one_row for sql, one in described.items()} == CERTAIN


# Errors


# The SQLSTATE, a part of the message, and where the position points.
ERRORS: dict[str, tuple[str, str, str | None]] = {
    "SELEC 1": ("42601", 'syntax error at or near "SELEC"', "SELEC"),
    "SELECT nam FROM users": ("42703", 'column "nam" does not exist', "nam"),
    "SELECT 'é', nam FROM users": ("42703", 'column "nam" does not exist', "nam"),
    "SELECT 1 FROM userz": ("42P01", 'relation "userz" does not exist', "userz"),
    "SELECT 1; SELECT 2": ("42601", "cannot insert multiple commands", None),
    "SELECT 1; END; DROP TABLE users; --": ("42601", "cannot insert multiple commands", None),
    "SELECT $2::text": ("42P18", "could not determine data type of parameter $1", None),
    "": ("42601", "there is no statement", None),
    "-- nothing": ("42601", "there is no statement", None),
    "SELECT most_common_vals FROM pg_stats": ("0A000", "asyncpg: ", None),
}


async def test_errors_say_what_and_where(connection: Connection) -> None:
    found = await describe_all(connection, [Statement(sql) for sql in ERRORS])

    for (sql, (sqlstate, message, at)), error in zip(ERRORS.items(), found, strict=True):
        assert isinstance(error, SqlError), sql
        assert error.sqlstate == sqlstate
        assert message in error.message
        assert error.position == (None if at is None else sql.index(at))


async def test_a_hint_is_passed_on(connection: Connection) -> None:
    with pytest.raises(SqlError) as caught:
        await describe(connection, "SELECT users.nam FROM users")

    assert caught.value.hint == 'Perhaps you meant to reference the column "users.name".'


async def test_one_bad_statement_spoils_no_other(connection: Connection) -> None:
    sqls = ["SELECT 1", "SELECT x", "SHOW all", "SELECT id FROM users", "", "SELECT 2"]

    described = await describe_all(connection, [Statement(sql) for sql in sqls])

    assert [type(outcome) for outcome in described] == [
        Description,
        SqlError,
        Description,
        Description,
        SqlError,
        Description,
    ]


# What cannot be analysed


UNANALYSED = {
    "SHOW work_mem": "SHOW is not yet supported in unquoted SQL function body",
    "EXPLAIN SELECT 1": "EXPLAIN is not yet supported in unquoted SQL function body",
    f"SELECT {' + '.join(f'${n}::integer' for n in range(1, 102))}": (
        "functions cannot have more than 100 arguments"
    ),
    f"SELECT {' || '.join(['name'] * 2000)} FROM users": "it is nested too deeply",
}


async def test_what_cannot_be_analysed_is_nullable_and_says_why(connection: Connection) -> None:
    described = await describe_each(connection, UNANALYSED)

    for sql, reason in UNANALYSED.items():
        column = described[sql].columns[0]
        assert column.nullable
        assert column.reason == f"the statement cannot be analysed: {reason}"


async def test_nothing_is_run_and_nothing_is_left(connection: Connection) -> None:
    before = await connection.fetchval("SELECT count(*) FROM pg_proc")

    await describe(connection, "INSERT INTO users (name, address) VALUES ('a', 'b') RETURNING id")

    assert await connection.fetchval("SELECT count(*) FROM users") == 0
    assert await connection.fetchval("SELECT count(*) FROM pg_proc") == before
    assert not connection.is_in_transaction()


async def test_what_a_transaction_has_changed_is_seen(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute("ALTER TABLE users ALTER nickname SET NOT NULL")

        described = await describe(connection, "SELECT nickname FROM users")
        with pytest.raises(SqlError):
            await describe(connection, "SELECT x")

        assert not described.columns[0].nullable
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_promise_counts_for_its_statement_only(connection: Connection) -> None:
    sql = "SELECT $1::text AS a"

    promised, other = await describe_all(
        connection, [Statement(sql, Promises(frozenset({1}))), Statement(sql)]
    )

    assert isinstance(promised, Description)
    assert isinstance(other, Description)
    assert [promised.columns[0].nullable, other.columns[0].nullable] == [False, True]
    assert promised.columns[0].reason == "$1 is never None"


# Constraints that are less than they seem


async def test_not_null_that_is_not_valid_holds_for_new_rows_only(connection: Connection) -> None:
    if connection.get_server_version().major < 18:
        pytest.skip("NOT NULL … NOT VALID is of PostgreSQL 18")
    await connection.execute("ALTER TABLE posts ADD CONSTRAINT b NOT NULL body NOT VALID")

    stored, written = await describe_all(
        connection,
        [
            Statement("SELECT body FROM posts"),
            Statement("UPDATE posts SET body = '' RETURNING body"),
        ],
    )

    assert isinstance(stored, Description)
    assert isinstance(written, Description)
    assert stored.columns[0].nullable
    assert "NOT VALID" in stored.columns[0].reason
    assert not written.columns[0].nullable


async def test_a_child_table_may_lack_its_parents_constraint(connection: Connection) -> None:
    no_inherit = connection.get_server_version().major >= 18
    await connection.execute(
        f"""
        CREATE TABLE parent (a text {"NOT NULL NO INHERIT" if no_inherit else "NOT NULL"});
        CREATE TABLE child () INHERITS (parent);
        ALTER TABLE child ALTER a DROP NOT NULL;
        INSERT INTO child VALUES (NULL);
        """
    )

    column = (await describe(connection, "SELECT a FROM parent")).columns[0]

    assert column.nullable
    assert column.reason == "child, which inherits parent.a, has no such NOT NULL constraint"


async def test_a_foreign_table_is_not_held_to_its_constraints(connection: Connection) -> None:
    await connection.execute(
        """
        CREATE FOREIGN DATA WRAPPER nothing;
        CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
        CREATE FOREIGN TABLE far (a text NOT NULL) SERVER nowhere;
        CREATE FOREIGN TABLE events_2027 PARTITION OF events
            FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') SERVER nowhere;
        """
    )

    for sql in ("SELECT a FROM far", "SELECT kind FROM events"):
        assert (await describe(connection, sql)).columns[0].nullable


async def test_a_rule_may_return_anything(connection: Connection) -> None:
    await connection.execute(
        "CREATE RULE r AS ON INSERT TO guarded DO INSTEAD "
        "INSERT INTO comments VALUES (1, 1, '') RETURNING number, NULL::text, text"
    )

    described = await describe(
        connection, "INSERT INTO guarded (id, title) VALUES (1, 'a') RETURNING title"
    )

    assert described.columns[0].nullable
    assert described.columns[0].reason == "a rule on guarded may return anything"


async def test_a_function_of_the_same_name_is_not_trusted(connection: Connection) -> None:
    await connection.execute(
        """
        CREATE SCHEMA app;
        CREATE FUNCTION app.lower(text) RETURNS text LANGUAGE sql STRICT AS 'SELECT NULL';
        SET search_path = app, public, pg_catalog;
        """
    )

    column = (await describe(connection, "SELECT lower(name) FROM users")).columns[0]

    assert column.nullable
    assert column.reason == "lower(text) may return NULL"
