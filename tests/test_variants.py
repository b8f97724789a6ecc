"""Every variant renders to a complete service that is clean by its own tools."""

import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, StrictUndefined

from extensions.names import MAX_SLUG_LENGTH, slug_error
from tests.conftest import Render, check, files_in, git
from tests.questions import QUESTIONS, choices
from tests.variants import VARIANTS, Answers, Variant, with_check

COMBINED = ("id_type", "jwt_algorithm", "image_base", "example_resource")
# Whatever makes a variant: each question with a list of answers, or yes and no.
PAIRED = tuple(question for question in QUESTIONS if choices(question))
# Files beside the program alone.
BESIDE = {"image_base", "deploy", "license", "ci", "dependency_updates"}

# As the template writes them, with a space. A workflow's ${{ … }} is GitHub's.
TAG = re.compile(r"(?<!\$)\{\{ |\{% |\{# ")

SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"  # a token, signed
    r"|\$argon2id?\$\S+\$[\w+/]+"  # a password's hash
    r"|://[^\s/:@]+:[^\s/@{$]+@"  # a password in a URL
)


def test_all_combinations_are_listed_once() -> None:
    combinations = list(itertools.product(*(choices(question) for question in COMBINED)))
    listed = [tuple(variant.answers[question] for question in COMBINED) for variant in VARIANTS]
    assert sorted(listed) == sorted(combinations)


def test_every_answer_is_in_a_variant() -> None:
    for question in PAIRED:
        assert {variant.answers[question] for variant in VARIANTS} == set(choices(question))


def test_every_two_answers_meet_in_a_variant_whose_suite_runs() -> None:
    def pairs(answers: Answers) -> Iterator[tuple[tuple[str, object], ...]]:
        return itertools.combinations([(question, answers[question]) for question in paired], 2)

    paired = [question for question in PAIRED if question not in BESIDE]
    met = {pair for variant in with_check("suite") for pair in pairs(variant.answers)}
    every = itertools.product(*(choices(question) for question in paired))
    wanted = {
        pair for combination in every for pair in pairs(dict(zip(paired, combination, strict=True)))
    }
    assert wanted - met == set()


@pytest.mark.parametrize("question", sorted(BESIDE))
def test_the_program_is_the_same_whatever_is_answered(question: str, render: Render) -> None:
    programs = [program(render({question: answer})) for answer in choices(question)]
    assert all(other == programs[0] for other in programs)


def program(service: Path) -> dict[str, bytes]:
    """What a service's suite runs and is run on."""
    return {
        path: (service / path).read_bytes()
        for path in files_in(service)
        if path.split("/")[0] in {"app", "migrations", "sql", "tests", "tools"}
    }


def test_images_of_both_bases_algorithms_and_stores_are_built() -> None:
    for question in ("image_base", "jwt_algorithm", "rate_limit_store"):
        built = {variant.answers[question] for variant in with_check("image")}
        assert built == set(choices(question))


def test_the_files_are_those_of_the_answers(
    variant: Variant, service: Path, template: Path
) -> None:
    naming = Environment(undefined=StrictUndefined)  # noqa: S701 - names, no HTML
    expected = [".copier-answers.yml"]
    for path in git("ls-files", "-z", cwd=template / "template").rstrip("\0").split("\0"):
        if "_copier_conf" in path:
            continue
        parts = naming.from_string(path).render(variant.answers).removesuffix(".jinja").split("/")
        if all(parts):
            expected.append("/".join(parts))
    assert len(expected) == len(set(expected)), "two files of the template have one name"
    assert files_in(service) == set(expected)


def test_what_is_not_wanted_is_not_there(variant: Variant, service: Path) -> None:
    def exists(path: str) -> bool:
        return (service / path).exists()

    assert exists("app/posts") == variant.answers["example_resource"]
    assert exists("LICENSE") == (variant.answers["license"] != "none")
    assert exists("kubernetes") == (variant.answers["deploy"] == "kubernetes")
    assert exists("swarm") == (variant.answers["deploy"] == "compose")
    assert exists(".github/workflows") == (variant.answers["ci"] == "github")
    assert exists(".gitlab-ci.yml") == (variant.answers["ci"] == "gitlab")
    updates = variant.answers["dependency_updates"]
    assert exists(".github/dependabot.yml") == (updates == "dependabot")
    assert exists("renovate.json") == (updates == "renovate")


def test_no_file_is_empty_unrendered_or_holds_a_secret(service: Path) -> None:
    for path in files_in(service):
        text = (service / path).read_text()
        assert text.strip(), f"{path} is empty"
        assert text.endswith("\n"), f"{path} does not end in a newline"
        assert not text.endswith("\n\n"), f"{path} ends in an empty line"
        assert not TAG.search(text), f"{path} holds an unrendered tag"
        # What the service's tests try is made up for them.
        if not path.startswith("tests/"):
            assert not SECRET.search(text), f"{path} holds what looks like a secret"


def test_no_service_can_be_called_after_what_it_installs(service: Path) -> None:
    pyproject = tomllib.loads((service / "pyproject.toml").read_text())
    installed = pyproject["project"]["dependencies"] + pyproject["dependency-groups"]["dev"]
    for requirement in installed:
        name = re.match(r"[a-z0-9-]+", requirement)
        assert name
        if len(name[0]) <= MAX_SLUG_LENGTH:
            assert "a package that the service itself installs" in slug_error(name[0])


def test_the_same_answers_give_the_same_bytes(render: Render) -> None:
    answers = VARIANTS[0].answers
    first, second = render(answers), render(answers)
    assert files_in(first) == files_in(second)
    for path in files_in(first):
        assert (first / path).read_bytes() == (second / path).read_bytes()


def test_the_formatter_would_change_nothing(service: Path, tools: Path) -> None:
    check(tools / "ruff", "format", "--check", "--diff", "--no-cache", cwd=service)


def test_the_linter_complains_of_nothing(service: Path, tools: Path) -> None:
    check(tools / "ruff", "check", "--no-cache", cwd=service)


def test_the_types_are_right(
    service: Path, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # One cache for all variants that this worker checks: most of what mypy reads is libraries.
    cache = tmp_path_factory.getbasetemp() / "mypy"
    check(tools / "mypy", "--cache-dir", str(cache), cwd=service)


def test_the_snapshot_of_the_sql_is_its_own(service: Path, tools: Path) -> None:
    check(tools / "python", "-B", "-m", "app", "sql", "check", cwd=service)
