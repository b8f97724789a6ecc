"""Which names may be answered, and what follows from them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extensions.names import (
    author_email_error,
    author_name_error,
    database_name,
    derive_slug,
    description_error,
    project_name_error,
    slug_error,
    usable_or,
    yes_or_no_error,
)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My Service", "my-service"),
        ("Café Orders (v2)", "cafe-orders-v2"),
        ("  -- Spaced -- out --  ", "spaced-out"),
        ("The Cook's Shop", "the-cooks-shop"),
        ("3D Printers", "d-printers"),
        ("注文", "my-service"),
        ("", "my-service"),
        ("FastAPI", "my-fastapi"),
        ("User", "my-user"),
        ("pg tools", "my-pg-tools"),
        ("A name that goes on for much longer than fits", "a-name-that-goes-on-for-much-lon"),
        ("A name of thirty-one letters, -- cut at a hyphen", "a-name-of-thirty-one-letters-cut"),
    ],
)
def test_a_slug_is_derived_from_the_name(name: str, slug: str) -> None:
    assert derive_slug(name) == slug


@given(st.text())
def test_whatever_the_name_the_derived_slug_is_valid(name: str) -> None:
    assert slug_error(derive_slug(name)) == ""


@given(st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True))
def test_a_valid_slug_is_its_own_slug(slug: str) -> None:
    if slug_error(slug) == "":
        assert derive_slug(slug) == slug


@given(st.text())
def test_a_refused_slug_comes_with_one_that_is_not(slug: str) -> None:
    if error := slug_error(slug):
        suggestion = re.match(r"Try '(.*?)':", error)
        assert suggestion
        assert slug_error(suggestion[1]) == ""


@pytest.mark.parametrize("slug", ["a", "shop", "my-shop", "shop2", "a-1-b", "x" * 32, "json"])
def test_these_slugs_are_fine(slug: str) -> None:
    assert slug_error(slug) == ""


@pytest.mark.parametrize(
    "slug", ["", "Shop", "my_shop", "my--shop", "-shop", "shop-", "2shop", "my shop", "café", "a\n"]
)
def test_a_slug_has_one_form(slug: str) -> None:
    assert "lower-case letters, digits and single hyphens, a letter first" in slug_error(slug)


@pytest.mark.parametrize(
    ("slug", "reason"),
    [
        ("fastapi", "a package that the service itself installs"),
        ("pytest-xdist", "a package that the service itself installs"),
        ("app", "a part of every service"),
        ("tests", "a part of every service"),
        ("scratch", "Docker keeps"),
        ("postgres", "PostgreSQL keeps"),
        ("template0", "PostgreSQL keeps"),
        ("replication", "PostgreSQL keeps"),
        ("pg-shop", "PostgreSQL keeps"),
        ("no", "a word that YAML takes for yes or no"),
        ("order", "a reserved word of SQL"),
        ("current-user", "a reserved word of SQL"),
    ],
)
def test_a_reserved_word_is_refused_and_why(slug: str, reason: str) -> None:
    assert reason in slug_error(slug)


def test_a_database_name_needs_no_quotes() -> None:
    assert database_name("my-shop-2") == "my_shop_2"


@pytest.mark.parametrize(
    "name", ["My Service", 'The "Best" Shop', "Café", "注文", "a\\b", "{{ x }}"]
)
def test_people_may_name_things_as_they_like(name: str) -> None:
    assert project_name_error(name) == ""
    assert description_error(name) == ""


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "carriage\rreturn",
        "tab\there",
        "bell\a",
        "separator\u2028here",
        "reordered \u202etxet",
        "half a \ud83d character",
    ],
)
def test_nothing_invisible_gets_into_a_name(text: str) -> None:
    for error in (project_name_error, description_error, author_name_error):
        assert error(text) == (
            "Type one plain line: this holds a line break or another invisible character."
        )


def test_emoji_and_scripts_that_join_characters_are_fine() -> None:
    assert project_name_error("Family 👨\u200d👩\u200d👧 क्\u200dष") == ""


@pytest.mark.parametrize(
    ("description", "columns"),
    [("d" * 73, 73), ("注" * 37, 74), ('"' * 37, 74), ("\\" * 37, 74)],
    ids=["letters", "wide letters", "quotes", "backslashes"],
)
def test_a_text_has_to_fit_on_a_line_of_code(description: str, columns: int) -> None:
    assert description_error(description) == f"Type at most 72 columns: this takes {columns}."
    assert description_error(description[:36]) == ""


def test_a_text_is_neither_empty_nor_padded() -> None:
    assert project_name_error("") == "Type a name: My Service"
    assert project_name_error(" Shop ") == "Type 'Shop': this begins or ends with a space."


@pytest.mark.parametrize("name", ["Jane Doe", "O'Brien & Söhne", "Acme Inc.", "李雷"])
def test_these_are_authors(name: str) -> None:
    assert author_name_error(name) == ""


@pytest.mark.parametrize("name", ["Doe, Jane", "Jane <jane@example.com>", 'Jane "JD" Doe', "a\\b"])
def test_an_author_has_to_fit_into_package_metadata(name: str) -> None:
    assert "Type it like Jane Doe:" in author_name_error(name)


@pytest.mark.parametrize("email", ["", "jane@example.com", "jane.doe+x@mail.example.co.uk"])
def test_these_are_addresses(email: str) -> None:
    assert author_email_error(email) == ""


@pytest.mark.parametrize(
    "email", ["jane", "root@localhost", "a b@example.com", "a@b@c.de", "a@b.c\n"]
)
def test_these_are_no_addresses(email: str) -> None:
    assert "is no e-mail address" in author_email_error(email)


@pytest.mark.parametrize("answer", [True, False, "yes", "No", " y ", "true", "OFF"])
def test_these_mean_yes_or_no(answer: object) -> None:
    assert yes_or_no_error(answer) == ""


@pytest.mark.parametrize("answer", ["maybe", "", "yess", 2, None])
def test_these_mean_neither(answer: object) -> None:
    assert yes_or_no_error(answer) == f"Type yes or no: {answer!r} is neither."


def test_an_unusable_default_gives_way() -> None:
    assert usable_or("Jane", author_name_error, "The authors") == "Jane"
    assert usable_or("Doe, Jane", author_name_error, "The authors") == "The authors"
    assert usable_or("", author_name_error, "The authors") == "The authors"
