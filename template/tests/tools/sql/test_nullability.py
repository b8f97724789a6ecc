"""What can be NULL: a table of statements, most of which SQL checkers are known to get wrong."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.tools.sql.cases import CASES, SCHEMA, Case
from tools.sql import Description, Promises, Statement, describe_all
from tools.sql.catalogue import Connection


def marks(description: Description) -> str:
    return "".join("?" if column.nullable else "!" for column in description.columns)


@pytest.mark.parametrize("topic", CASES)
async def test_nullability_is_as_the_table_says(connection: Connection, topic: str) -> None:
    version = connection.get_server_version().major
    cases = [case for case in CASES[topic] if case.version <= version]
    await connection.execute(SCHEMA)

    described = await describe_all(
        connection,
        [Statement(case.sql, Promises(case.not_null, case.elements)) for case in cases],
    )

    wrong: list[str] = []
    for case, description in zip(cases, described, strict=True):
        assert isinstance(description, Description), (case.sql, description)
        assert all(column.reason for column in description.columns)
        if marks(description) != (case.ours or case.truth):
            reasons = "\n  ".join(column.reason for column in description.columns)
            wrong.append(f"{case.sql}\n{case.truth} {marks(description)}\n  {reasons}")
    assert not wrong, "\n\n".join(wrong)


def test_we_are_exact_in_nearly_all_of_the_table() -> None:
    cases = list(chain.from_iterable(CASES.values()))
    inexact = [case for case in cases if case.ours]

    assert len(cases) >= 100
    assert len(inexact) / len(cases) < 0.05
    assert all(is_cautious(case) for case in inexact)


def is_cautious(case: Case) -> bool:
    """Whether we call nothing NOT NULL that can be NULL."""
    return all(said == "?" or true == "!" for said, true in zip(case.ours, case.truth, strict=True))
