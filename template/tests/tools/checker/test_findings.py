"""Every kind of finding: where it points, and what it says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tools.checker import project
from tests.tools.checker.project import HEADER, QUERIES


@dataclass(frozen=True, slots=True)
class Case:
    """A query with something wrong in the line that holds ``<-``."""

    code: str
    message: str
    source: str


WRONG = {
    "syntax": Case(
        "syntax-error",
        'syntax error at or near "BY"',
        '''
@query("""
    SELECT id
    FROM books
    ODER BY id -- <-
""")
async def syntax(db: Db) -> list[int]: ...
''',
    ),
    "unknown_table": Case(
        "unknown-table",
        'relation "boks" does not exist',
        '''
@query("""
    SELECT id
    FROM boks -- <-
""")
async def unknown_table(db: Db) -> list[int]: ...
''',
    ),
    "unknown_column": Case(
        "unknown-column",
        'column "titel" does not exist',
        '''
@query("""
    SELECT id
    FROM books
    WHERE titel = $1 -- <-
""")
async def unknown_column(db: Db, title: str) -> list[int]: ...
''',
    ),
    "unknown_function": Case(
        "unknown-function",
        "function shout(text) does not exist",
        """
@query("SELECT shout(title) FROM books")  # <-
async def unknown_function(db: Db) -> list[str]: ...
""",
    ),
    "ambiguous_type": Case(
        "parameter-type",
        "could not determine data type of parameter $1",
        """
@query("SELECT count(*) FROM books WHERE $1 IS NULL")  # <-
async def ambiguous_type(db: Db, value: str) -> int: ...
""",
    ),
    "operator_that_does_not_exist": Case(
        "unknown-function",
        "operator does not exist: text + integer",
        """
@query("SELECT id FROM books WHERE title + 1 = 2")  # <-
async def operator_that_does_not_exist(db: Db) -> list[int]: ...
""",
    ),
    "two_statements": Case(
        "two-statements",
        "cannot insert multiple commands into a prepared statement",
        '''
@query("""
    SELECT id FROM books;
    DELETE FROM books -- <-
""")
async def two_statements(db: Db) -> list[int]: ...
''',
    ),
    "too_few_parameters": Case(
        "parameter-count",
        "the SQL has 2 parameters, the function 1 after the first",
        """
@query("SELECT id FROM books WHERE id = $1 AND title = $2")
async def too_few_parameters(db: Db, id: int) -> list[int]: ...  # <-
""",
    ),
    "too_many_parameters": Case(
        "parameter-count",
        "the SQL has 1 parameter, the function 2 after the first",
        """
@query("SELECT id FROM books WHERE id = $1")
async def too_many_parameters(db: Db, id: int, title: str) -> list[int]: ...  # <-
""",
    ),
    "parameter_of_another_type": Case(
        "parameter-type",
        "id, $1: str does not stand for bigint: use int",
        """
@query("SELECT title FROM books WHERE id = $1")
async def parameter_of_another_type(db: Db, id: str) -> list[str]: ...  # <-
""",
    ),
    "array_parameter_of_another_element": Case(
        "parameter-type",
        "ids, $1: str does not stand for bigint: use int",
        """
@query("SELECT title FROM books WHERE id = ANY($1)")
async def array_parameter_of_another_element(db: Db, ids: list[str]) -> list[str]: ...  # <-
""",
    ),
    "enum_parameter_with_one_more_label": Case(
        "parameter-type",
        'mood, $1: More has "ecstatic", which mood lacks',
        """
@query("SELECT title FROM books WHERE mood = $1")
async def enum_parameter_with_one_more_label(db: Db, mood: More) -> list[str]: ...  # <-
""",
    ),
    "optional_parameter": Case(
        "optional-parameter",
        "title may be None, but $2 may not be NULL",
        """
@query("UPDATE books SET title = $2 WHERE id = $1")
async def optional_parameter(db: Db, id: int, title: str | None) -> Affected: ...  # <-
""",
    ),
    "missing_column": Case(
        "columns",
        "the statement does not return subtitle, which MissingColumn has",
        """
@row
class MissingColumn:
    id: int
    subtitle: str | None


@query("SELECT id FROM books")
async def missing_column(db: Db) -> list[MissingColumn]: ...  # <-
""",
    ),
    "surplus_column": Case(
        "columns",
        "the statement returns title, which SurplusColumn lacks",
        """
@row
class SurplusColumn:
    id: int


@query("SELECT id, title FROM books")
async def surplus_column(db: Db) -> list[SurplusColumn]: ...  # <-
""",
    ),
    "columns_in_another_order": Case(
        "columns",
        "the columns are in another order than the fields of OtherOrder",
        """
@row
class OtherOrder:
    id: int
    title: str


@query("SELECT title, id FROM books")
async def columns_in_another_order(db: Db) -> list[OtherOrder]: ...  # <-
""",
    ),
    "column_twice": Case(
        "columns",
        "the statement returns id more than once",
        """
@row
class Twice:
    id: int


@query("SELECT id, id FROM books")
async def column_twice(db: Db) -> list[Twice]: ...  # <-
""",
    ),
    "column_of_another_type": Case(
        "column-type",
        "OtherType.title: int does not stand for text: use str",
        """
@row
class OtherType:
    title: int  # <-


@query("SELECT title FROM books")
async def column_of_another_type(db: Db) -> list[OtherType]: ...
""",
    ),
    "nullable_column": Case(
        "nullable-column",
        "Nullable.subtitle can be NULL",
        """
@row
class Nullable:
    subtitle: str  # <-


@query("SELECT subtitle FROM books")
async def nullable_column(db: Db) -> list[Nullable]: ...
""",
    ),
    "nulled_by_an_outer_join": Case(
        "nullable-column",
        "Joined.title can be NULL",
        """
@row
class Joined:
    id: int
    title: str  # <-


@query("SELECT b.id, o.title FROM books b LEFT JOIN books o ON o.id = b.id + 1")
async def nulled_by_an_outer_join(db: Db) -> list[Joined]: ...
""",
    ),
    "unneeded_none": Case(
        "unneeded-none",
        "Unneeded.title is declared with | None, but is never NULL",
        """
@row
class Unneeded:
    title: str | None  # <-


@query("SELECT title FROM books")
async def unneeded_none(db: Db) -> list[Unneeded]: ...
""",
    ),
    "enum_that_lacks_a_label": Case(
        "column-type",
        'Half lacks "ok", which mood has',
        """
@query("SELECT mood FROM books")
async def enum_that_lacks_a_label(db: Db) -> list[Half]: ...  # <-
""",
    ),
    "enum_with_one_more_label": Case(
        "column-type",
        'More has "ecstatic", which mood lacks',
        """
@query("SELECT mood FROM books")
async def enum_with_one_more_label(db: Db) -> list[More]: ...  # <-
""",
    ),
    "naive_for_aware": Case(
        "column-type",
        "NaiveDatetime does not stand for timestamp with time zone: use AwareDatetime",
        """
@query("SELECT printed FROM books")
async def naive_for_aware(db: Db) -> list[pydantic.NaiveDatetime]: ...  # <-
""",
    ),
    "aware_for_naive": Case(
        "column-type",
        "AwareDatetime does not stand for timestamp without time zone: use NaiveDatetime",
        """
@query("SELECT shelved FROM books")
async def aware_for_naive(db: Db) -> list[pydantic.AwareDatetime]: ...  # <-
""",
    ),
    "datetime_that_does_not_say": Case(
        "column-type",
        "datetime does not say whether it has a time zone",
        """
@query("SELECT printed FROM books")
async def datetime_that_does_not_say(db: Db) -> list[datetime.datetime]: ...  # <-
""",
    ),
    "float_for_numeric": Case(
        "column-type",
        "float does not stand for numeric: use Decimal",
        """
@query("SELECT price FROM books")
async def float_for_numeric(db: Db) -> list[float]: ...  # <-
""",
    ),
    "numeric_for_double_precision": Case(
        "column-type",
        "Decimal does not stand for double precision: use float",
        """
@query("SELECT weight FROM books")
async def numeric_for_double_precision(db: Db) -> list[decimal.Decimal]: ...  # <-
""",
    ),
    "enum_from_text": Case(
        "column-type",
        "text can hold what Mood lacks: make the column an enum, or use str",
        """
@query("SELECT title FROM books")
async def enum_from_text(db: Db) -> list[Mood]: ...  # <-
""",
    ),
    "enum_that_is_no_text": Case(
        "column-type",
        'mood is an enum: use a StrEnum with "sad", "ok"',
        """
@query("SELECT mood FROM books")
async def enum_that_is_no_text(db: Db) -> list[Plain]: ...  # <-
""",
    ),
    "array_of_another_element": Case(
        "column-type",
        "int does not stand for text: use str",
        """
@query("SELECT tags FROM books")
async def array_of_another_element(db: Db) -> list[list[int]]: ...  # <-
""",
    ),
    "jsonb_with_no_type": Case(
        "column-type",
        "jsonb wants its type declared, as in Jsonb[Preferences]",
        """
@query("SELECT details FROM books")
async def jsonb_with_no_type(db: Db) -> list[str]: ...  # <-
""",
    ),
    "jsonb_for_something_else": Case(
        "column-type",
        "Jsonb[…] stands for jsonb, not for text",
        """
@query("SELECT title FROM books WHERE id = 1")
async def jsonb_for_something_else(db: Db) -> Jsonb[dict[str, int]]: ...  # <-
""",
    ),
    "returning_star": Case(
        "select-star",
        "* changes its meaning with the table",
        """
@query("DELETE FROM moods RETURNING *")  # <-
async def returning_star(db: Db) -> list[str]: ...
""",
    ),
    "star": Case(
        "select-star",
        "* changes its meaning with the table",
        '''
@row
class Star:
    id: int


@query("""
    SELECT s.* -- <-
    FROM (SELECT id FROM books) AS s
""")
async def star(db: Db) -> list[Star]: ...
''',
    ),
    "columns_that_nobody_reads": Case(
        "unread-columns",
        "the statement returns id, which the signature does not mention",
        """
@query("DELETE FROM books RETURNING id")
async def columns_that_nobody_reads(db: Db) -> Affected: ...  # <-
""",
    ),
    "several_columns_for_one_value": Case(
        "columns",
        "the statement returns 2 columns, where the signature says int, one value",
        """
@query("SELECT id, title FROM books")
async def several_columns_for_one_value(db: Db) -> list[int]: ...  # <-
""",
    ),
    "override_that_is_not_needed": Case(
        "unneeded-override",
        "not_null names title, which can't be NULL anyway",
        """
@query("SELECT title FROM books", not_null={"title": "it just can't"})
async def override_that_is_not_needed(db: Db) -> list[str]: ...  # <-
""",
    ),
    "override_of_no_result": Case(
        "unneeded-override",
        "not_null names id, which the statement does not return",
        """
@query("DELETE FROM books", not_null={"id": "it is the key"})
async def override_of_no_result(db: Db) -> Affected: ...  # <-
""",
    ),
    "override_without_a_reason": Case(
        "unfounded-override",
        "not_null gives no reason for max",
        """
@query("SELECT max(title) FROM books", not_null={"max": " "})
async def override_without_a_reason(db: Db) -> str: ...  # <-
""",
    ),
    "override_of_nothing": Case(
        "unneeded-override",
        "not_null names author, which the statement does not return",
        """
@query("SELECT title FROM books", not_null={"author": "there is one"})
async def override_of_nothing(db: Db) -> list[str]: ...  # <-
""",
    ),
}

RIGHT = '''
@row
class Whole:
    id: int
    title: str
    subtitle: str | None
    price: decimal.Decimal
    weight: float
    mood: Mood
    tags: list[str]
    details: Jsonb[dict[str, int]]
    printed: pydantic.AwareDatetime
    shelved: pydantic.NaiveDatetime
    isbn: str


@query("""
    SELECT id, title, subtitle, price, weight, mood, tags, details, printed, shelved, isbn
    FROM books
    WHERE id = $1
""")
async def right_row(db: Db, id: int) -> Whole | None: ...


@query("SELECT count(*) FROM books WHERE weight * 2 > $1 AND title <> '*, FROM'")
async def right_count(db: Db, weight: float) -> int: ...


@query("SELECT title FROM books WHERE id = $1")
async def right_scalar(db: Db, id: int) -> str | None: ...


@query("SELECT subtitle FROM books")
async def right_nullable_list(db: Db) -> list[str | None]: ...


@query("SELECT max(title) FROM books", not_null={"max": "there is always a book"})
async def right_override(db: Db) -> str: ...


@query("UPDATE books SET subtitle = $2, mood = $3, details = $4 WHERE id = $1")
async def right_update(
    db: Db, id: int, subtitle: str | None, mood: Mood, details: Jsonb[dict[str, int]]
) -> Affected: ...


@query("DELETE FROM books")
async def right_nothing(db: Db) -> None: ...


@query("SELECT id FROM books WHERE id = ANY($1)")
async def right_array(db: Db, ids: list[int]) -> list[int]: ...


@query("SELECT id FROM books WHERE title = $1")
async def right_enum_for_text(db: Db, title: Mood) -> list[int]: ...


@query("SELECT details FROM books WHERE id = $1")
async def right_jsonb(db: Db, id: int) -> Jsonb[dict[str, int]] | None: ...


@query("SELECT jsonb_build_object('books', count(*)) FROM books")
async def right_jsonb_always(db: Db) -> Jsonb[dict[str, int]]: ...


@stream("SELECT id FROM books")
def right_stream(db: Transaction) -> AsyncIterator[int]: ...
'''

Findings = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def source() -> str:
    return HEADER + "\n".join(case.source for case in WRONG.values()) + RIGHT


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, server: str, source: str) -> Findings:
    """What is found in all of them at once, by query."""
    made = project.make(tmp_path_factory.mktemp("project"), server)
    made.write(QUERIES, source)
    found: Findings = {}
    for finding in made.findings("--live"):
        if finding["code"] not in ("not-in-snapshot", "schema-changed"):
            found.setdefault(finding["query"], []).append(finding)
    return found


@pytest.mark.parametrize("name", WRONG)
def test_is_found_where_it_is(name: str, findings: Findings, source: str) -> None:
    case = WRONG[name]

    (finding,) = findings[f"books.{name}"]

    assert finding["code"] == case.code
    assert case.message in finding["message"]
    assert finding["file"] == str(QUERIES)
    before = source[: source.index(case.source)]
    marked = case.source[: case.source.index("<-")]
    assert finding["line"] == before.count("\n") + marked.count("\n") + 1
    severity = "warning" if case.code == "unneeded-none" else "error"
    assert finding["severity"] == severity


@pytest.mark.parametrize(
    ("name", "under"),
    [
        ("syntax", "BY"),
        ("unknown_table", "boks"),
        ("unknown_column", "titel"),
        ("unknown_function", "shout(title)"),
        ("operator_that_does_not_exist", "+ 1"),
        ("two_statements", "DELETE"),
        ("star", "*"),
        ("returning_star", "*"),
        ("too_few_parameters", "too_few_parameters(db"),
        ("parameter_of_another_type", "id: str"),
        ("optional_parameter", "title: str | None"),
        ("missing_column", "list[MissingColumn]"),
        ("column_of_another_type", "title: int"),
        ("nullable_column", "subtitle: str"),
        ("unneeded_none", "title: str | None"),
        ("float_for_numeric", "list[float]"),
        ("columns_that_nobody_reads", "Affected"),
        ("override_that_is_not_needed", "override_that_is_not_needed(db"),
    ],
)
def test_the_caret_stands_under_it(name: str, under: str, findings: Findings) -> None:
    (finding,) = findings[f"books.{name}"]

    excerpt = finding["excerpt"]
    assert excerpt["line"][excerpt["column"] :].startswith(under)


def test_each_says_what_to_change(findings: Findings) -> None:
    for found in findings.values():
        for finding in found:
            assert finding["help"], finding


def test_what_is_right_is_left_alone(findings: Findings) -> None:
    assert findings.keys() == {f"books.{name}" for name in WRONG}


def test_nothing_of_the_service_is_found_fault_with(findings: Findings) -> None:
    assert not [name for name in findings if not name.startswith("books.")]


def test_a_path_is_the_projects(findings: Findings) -> None:
    assert {finding["file"] for found in findings.values() for finding in found} == {
        str(Path("app") / "books" / "queries.py")
    }
