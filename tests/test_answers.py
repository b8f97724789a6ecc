"""Copier refuses an invalid answer with a sentence that says what to type instead."""

import re
from pathlib import Path

import pytest
from copier import run_copy

from slipway import ROOT
from tests.questions import QUESTIONS
from tests.variants import AUTHOR

INVISIBLE = "Type one plain line: this holds a line break or another invisible character."

INVALID = [
    ("project_name", "", "Type a name: My Service"),
    ("project_name", "two\nlines", INVISIBLE),
    ("project_name", "Shop ", "Type 'Shop': this begins or ends with a space."),
    ("project_name", "n" * 61, "Type at most 60 columns: this takes 61."),
    (
        "slug",
        "My_Shop",
        "Try 'my-shop': lower-case letters, digits and single hyphens, a letter first, do as a name"
        " for a distribution, an image and a database.",
    ),
    (
        "slug",
        "a-slug-that-is-far-too-long-for-what-follows",
        "Try 'a-slug-that-is-far-too-long-for': 44 characters are more than the 32 that leave room"
        " for the names of test databases.",
    ),
    (
        "slug",
        "fastapi",
        "Try 'my-fastapi': 'fastapi' is the name of a package that the service itself installs.",
    ),
    ("slug", "app", "Try 'my-app': 'app' is the name of a part of every service."),
    (
        "slug",
        "postgres",
        "Try 'my-postgres': 'postgres' is a name that PostgreSQL keeps for itself.",
    ),
    ("slug", "no", "Try 'my-no': 'no' is a word that YAML takes for yes or no."),
    ("slug", "order", "Try 'my-order': 'order' is a reserved word of SQL."),
    (
        "slug",
        "scratch",
        "Try 'my-scratch': 'scratch' is a name that Docker keeps for an empty image.",
    ),
    ("description", "", "Type a sentence: Orders and invoices for the web shop."),
    ("description", "d" * 73, "Type at most 72 columns: this takes 73."),
    ("description", "\x1b[31mred", INVISIBLE),
    ("author_name", "", "Type a name: Jane Doe"),
    (
        "author_name",
        "Doe, Jane",
        "Type it like Jane Doe: package metadata take no comma, double quote, backslash, <, >"
        " or @ in a name.",
    ),
    (
        "author_email",
        "jane",
        "Type one like jane@example.com, or nothing: 'jane' is no e-mail address.",
    ),
    ("example_resource", "maybe", "Type yes or no: 'maybe' is neither."),
]

INVALID_CHOICES = [
    ("id_type", "uuid", "'uuid' is not in ['uuidv7', 'bigserial']"),
    ("jwt_algorithm", "none", "'none' is not in ['HS256', 'RS256']"),
    ("auth_transport", "session", "'session' is not in ['bearer', 'cookie']"),
    ("image_base", "alpine", "'alpine' is not in ['distroless', 'slim']"),
    ("rate_limit_store", "redis", "'redis' is not in ['memory', 'valkey']"),
    ("deploy", "nomad", "'nomad' is not in ['compose', 'kubernetes']"),
    ("telemetry", "jaeger", "'jaeger' is not in ['none', 'otlp']"),
    ("license", "GPL", "'GPL' is not in ['none', 'MIT', 'Apache-2.0', 'proprietary']"),
    ("ci", "jenkins", "'jenkins' is not in ['github', 'gitlab', 'none']"),
    (
        "dependency_updates",
        "snyk",
        "'snyk' is not in ['dependabot', 'renovate', 'none']",
    ),
]


def refusal(template: Path, folder: Path, question: str, answer: str) -> str:
    """What Copier says of this answer."""
    answers = {**AUTHOR, question: answer}
    with pytest.raises(ValueError, match=f"'{question}'") as refused:
        run_copy(str(template), folder, answers, defaults=True, unsafe=True, quiet=True)
    assert not folder.exists()
    return str(refused.value)


def test_every_question_has_an_answer_that_is_refused() -> None:
    assert {question for question, *_ in INVALID + INVALID_CHOICES} == set(QUESTIONS)


@pytest.mark.parametrize(("question", "answer", "message"), INVALID)
def test_an_invalid_answer_is_refused(
    template: Path, tmp_path: Path, question: str, answer: str, message: str
) -> None:
    said = refusal(template, tmp_path / "service", question, answer)
    assert said == f"Validation error for question '{question}': {message}"


@pytest.mark.parametrize(("question", "answer", "message"), INVALID_CHOICES)
def test_a_choice_that_is_none_is_refused(
    template: Path, tmp_path: Path, question: str, answer: str, message: str
) -> None:
    said = refusal(template, tmp_path / "service", question, answer)
    assert said == f"Invalid choice for '{question}': {message}"


def test_every_question_has_help_and_a_default() -> None:
    for question in QUESTIONS.values():
        assert question["help"].endswith((".", "?"))
        assert "default" in question


def test_the_readme_lists_every_question_in_order() -> None:
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert table == list(QUESTIONS)
