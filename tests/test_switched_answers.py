"""Answers change in an update, to just what a service with the new ones is."""

from pathlib import Path

import pytest

from tests.conftest import Render, git
from tests.questions import QUESTIONS
from tests.updates import begin, commit, render_at, tree, try_to_update, update
from tests.variants import AUTHOR

OTHERS = {
    "image_base": "slim",
    "telemetry": "otlp",
    "deploy": "kubernetes",
    "rate_limit_store": "valkey",
    "jwt_algorithm": "RS256",
}
"""Of each question that people come back to, what is not its default."""


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Path:
    """A service with the default answers."""
    service = tmp_path / "service"
    render_at("HEAD", template, service, AUTHOR)
    begin(service)
    return service


def test_answers_change_and_change_back(service: Path, render: Render) -> None:
    before = tree(service)

    update(service, *(f"--data={question}={answer}" for question, answer in OTHERS.items()))
    assert tree(service) == tree(render(OTHERS))

    commit(service, "Change our mind")
    defaults = {question: QUESTIONS[question]["default"] for question in OTHERS}
    update(service, *(f"--data={question}={answer}" for question, answer in defaults.items()))
    assert tree(service) == before


def test_the_type_of_ids_stays(service: Path) -> None:
    done = try_to_update(service, "--data=id_type=bigserial")

    assert done.returncode == 1
    assert done.stdout.endswith(
        "ValueError: Invalid choice for 'id_type': This service has id_type=uuidv7, which stays: "
        "the ids in its tables, tokens and clients' links are of that type. A service with another "
        "is a new one, to which data are moved.\n"
    )
    assert git("status", "--porcelain", cwd=service) == ""
