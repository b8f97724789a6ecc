"""The lists of what PostgreSQL's functions return, checked by calling everything in them."""

from __future__ import annotations

import itertools
import random

import pytest

from tools.sql import never_null
from tools.sql.catalogue import Catalogue, Connection, Function

# Every value is one that some function might find nothing to answer to.
VALUES = {
    "bigint": ["0", "-1", "7", "9223372036854775807"],
    "bit": ["B''", "B'10'"],
    "bit varying": ["B''::varbit", "B'10'::varbit"],
    "boolean": ["true", "false"],
    "box": ["'(1,1),(0,0)'", "'(NaN,1),(0,0)'", "'(9,9),(8,8)'"],
    "bytea": [r"'\x'", r"'\xff00'"],
    "character": ["''", "'a'"],
    "character varying": ["''", "'ab'"],
    '"char"': ["''", "'a'"],
    "cidr": ["'10.0.0.0/8'", "'::/0'"],
    "circle": ["'<(0,0),1>'", "'<(NaN,0),0>'"],
    "date": ["'2026-01-01'", "'infinity'", "'-infinity'"],
    "daterange": ["'empty'", "'(,)'", "'[2026-01-01,)'"],
    "double precision": ["0", "-1.5", "'NaN'", "'Infinity'"],
    "inet": ["'10.0.0.1'", "'::1/64'"],
    "int4range": ["'empty'", "'(,)'", "'[1,3)'"],
    "integer": ["0", "-1", "2", "7"],
    "integer[]": ["'{}'", "'{1,2}'", "'{NULL}'", "'{{1,2},{3,NULL}}'", "'[3:4]={1,2}'"],
    "interval": ["'0'", "'1 day'", "'-1 month'"],
    "json": ["""'{"a": 1}'""", "'[]'", "'null'", "'[null, 1]'"],
    "jsonb": ["""'{"a": 1}'""", "'[]'", "'null'", "'[null, 1]'"],
    "jsonpath": ["'$'", "'$.a'"],
    "line": ["'{1,2,3}'", "'{1,2,NaN}'"],
    "lseg": ["'[(0,0),(1,1)]'", "'[(0,1),(NaN,2)]'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "money": ["'0'", "'-1.5'"],
    "name": ["''", "'a'"],
    "numeric": ["0", "-1.5", "'NaN'", "'Infinity'"],
    "oid": ["0", "1259"],
    "path": ["'[(0,0),(1,1)]'", "'((0,0),(1,1))'"],
    "pg_lsn": ["'0/0'", "'0/FF'"],
    "point": ["'(0,0)'", "'(NaN,1)'", "'(1,Infinity)'"],
    "polygon": ["'((0,0),(1,1),(1,0))'"],
    "real": ["0", "-1.5", "'NaN'", "'Infinity'"],
    "record": ["ROW(1, NULL)", "ROW(1, 2)"],
    "regclass": ["'counter'"],
    "regconfig": ["'simple'"],
    "smallint": ["0", "-1", "2"],
    "text": ["''", "'a'", "'abc'", "'day'", "'UTC'", "'%s'", "'2026-01-01'", "'NFC'", "'hex'"],
    "text[]": ["'{}'", "'{a,b}'", "'{NULL,a}'"],
    "tid": ["'(0,1)'"],
    "time with time zone": ["'00:00Z'", "'24:00+01'"],
    "time without time zone": ["'00:00'", "'24:00'"],
    "timestamp with time zone": ["'2026-01-01Z'", "'infinity'", "'-infinity'"],
    "timestamp without time zone": ["'2026-01-01'", "'infinity'", "'-infinity'"],
    "tsquery": ["''", "'a & b'", "'!a'"],
    "tsvector": ["''", "'a:1 b:2A'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'"],
    "xid8": ["'1'"],
}
# What a call puts in the place of a polymorphic type.
ANY = {
    "any": "text",
    "anyarray": "integer[]",
    "anycompatible": "integer",
    "anycompatiblearray": "integer[]",
    "anycompatiblenonarray": "integer",
    "anyelement": "integer",
    "anymultirange": "int4multirange",
    "anynonarray": "integer",
    "anyrange": "int4range",
}
VALUES["int4multirange"] = ["'{}'", "'{[1,3),[5,)}'"]
CALLS_A_FUNCTION = 25

OUTCOME = """
    CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE is_null boolean;
    BEGIN
        EXECUTE 'SELECT (' || call || ') IS NULL' INTO is_null;
        RETURN CASE WHEN is_null THEN 'NULL' ELSE 'a value' END;
    EXCEPTION WHEN OTHERS THEN RETURN 'an error';
    END $$
"""


@pytest.fixture
async def functions(connection: Connection) -> list[Function]:
    """All of PostgreSQL's own functions that return a single value."""
    await connection.execute("CREATE SEQUENCE counter; SELECT nextval('counter')")
    await connection.execute(OUTCOME)
    oids = await connection.fetch(
        "SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace "
        "AND prokind = 'f' AND NOT proretset"
    )
    # The catalogue reads what trees name, so here is a tree that names them all.
    catalogue = await Catalogue.load(connection, [f" :funcid {record['oid']}" for record in oids])
    return list(catalogue.functions.values())


def calls(function: Function, *, null_allowed: bool) -> list[str]:
    """Some calls of a function with the values that we have for its arguments' types."""
    pools: list[list[str]] = []
    for name in filter(None, function.arguments.split(",")):
        plain = ANY.get(name.strip('"'), name)
        values = [*VALUES.get(plain, []), *(["NULL"] if null_allowed else [])]
        pools.append([f"({value})::{plain}" for value in values])
    combinations = list(itertools.product(*pools))
    count = min(CALLS_A_FUNCTION, len(combinations))
    chosen = random.Random(1).sample(combinations, count)  # noqa: S311 - nothing secret
    return [f'pg_catalog."{function.base_name}"({", ".join(values)})' for values in chosen]


async def outcomes(connection: Connection, expressions: list[str]) -> dict[str, str]:
    records = await connection.fetch(
        "SELECT call, pg_temp.outcome(call) AS outcome FROM unnest($1::text[]) AS call", expressions
    )
    return {record["call"]: record["outcome"] for record in records}


async def test_no_function_in_the_list_returns_null(
    connection: Connection, functions: list[Function]
) -> None:
    listed = [function for function in functions if function.is_null_only_for_null]
    tried = [call for function in listed for call in calls(function, null_allowed=False)]

    found = await outcomes(connection, tried)

    assert [call for call, outcome in found.items() if outcome == "NULL"] == []
    returned = {call.split("(")[0] for call, outcome in found.items() if outcome == "a value"}
    assert len(returned) > 500


async def test_some_functions_return_no_null_even_for_null(
    connection: Connection, functions: list[Function]
) -> None:
    listed = [function for function in functions if function.is_one_of(never_null.NEVER)]
    tried = [call for function in listed for call in calls(function, null_allowed=True)]

    found = await outcomes(connection, tried)

    assert [call for call, outcome in found.items() if outcome == "NULL"] == []
    assert "a value" in found.values()


async def test_the_exceptions_in_the_list_are_real(
    connection: Connection, functions: list[Function]
) -> None:
    """An overload that never returns NULL is no exception, and would make us say `?` for `!`."""
    signatures = {f"{f.base_name}({f.arguments})": f for f in functions}
    version = connection.get_server_version().major

    for signature in never_null.NULLABLE_OVERLOADS:
        if signature.endswith("(jsonb)") and version < 18:
            continue
        found = await outcomes(connection, calls(signatures[signature], null_allowed=False))

        assert "NULL" in found.values(), signature


async def test_every_name_in_the_list_is_a_function(
    connection: Connection, functions: list[Function]
) -> None:
    if connection.get_server_version().major < 18:
        pytest.skip("the list is of PostgreSQL 18")

    names = {function.base_name for function in functions}

    assert names >= never_null.FUNCTIONS
    assert names >= never_null.NEVER
    assert names >= never_null.NULLABLE_OPERATORS


async def test_aggregates_of_a_row_return_a_value(connection: Connection) -> None:
    """One row is the least that is claimed to suffice."""
    values = never_null.AGGREGATES_OF_VALUES - {"mode", "percentile_cont", "percentile_disc"}
    pairs = {"covar_pop", "regr_avgx", "regr_avgy", "regr_sxx", "regr_sxy", "regr_syy"}
    arguments = {
        "bool_and": "true",
        "bool_or": "true",
        "every": "true",
        "range_agg": "'empty'::int4range",
        "range_intersect_agg": "'empty'::int4range",
        "string_agg": "'', NULL",
    } | dict.fromkeys(pairs, "1, 'NaN'")
    tried = [f"SELECT {name}({arguments.get(name, '1')})" for name in values]
    tried += [
        "SELECT mode() WITHIN GROUP (ORDER BY 1)",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY 1)",
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY 1)",
    ]
    for name in never_null.AGGREGATES_OF_ANY_ROW:
        argument = "'a', NULL::integer" if "object" in name else "NULL::integer"
        tried.append(f"SELECT {name}({argument})")

    for sql in tried:
        assert await connection.fetchval(sql) is not None, sql
