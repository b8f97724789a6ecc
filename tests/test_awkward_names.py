"""Names that people give things break no file, whatever they hold."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import Render, check
from tests.variants import Answers

AWKWARD = [
    {
        "project_name": 'The "Best" Shop\'s \\ Café & <b>Bar</b>',
        "description": 'It\'s "quoted", [bold]not bold[/], `code`, *stars*, $HOME, 100 %',
        "author_name": "Zoë O'Brien & Söhne",
    },
    {
        "project_name": "{{ project_name }} {% raw %} {# no comment #}",
        "description": "{{ 1 / 0 }} ${{ github.token }} ${HOME:?} %(name)s {name}",
        "author_name": "{{ author_name }}",
    },
    {
        "project_name": "注文サービス 🛒",
        "description": "Заказы и счета: '''тройные''' и ещё # решётка",
        "author_name": "株式会社",
    },
    {
        "project_name": "# yes: [no], *null - 1.0 | ~",
        "description": '- a list? """ {a: 1}, !tag &anchor @x `y` \'z\' \\u0041 \\',
        "author_name": "null",
    },
]


@pytest.fixture(scope="module", params=AWKWARD, ids=["quotes", "jinja", "unicode", "yaml"])
def answers(request: pytest.FixtureRequest) -> Answers:
    return {**request.param, "license": "MIT"}


@pytest.fixture(scope="module")
def service(answers: Answers, render: Render) -> Path:
    return render(answers)


def test_they_come_out_as_they_were_typed(answers: Answers, service: Path) -> None:
    project = tomllib.loads((service / "pyproject.toml").read_text())["project"]
    assert project["description"] == answers["description"]
    assert project["authors"][0]["name"] == answers["author_name"]

    remembered = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert {key: remembered[key] for key in answers} == answers

    assert f"Copyright (c) {answers['author_name']}\n" in (service / "LICENSE").read_text()


def test_yaml_is_still_yaml(service: Path) -> None:
    for file in (*service.glob("*.y*ml"), *service.glob(".github/**/*.yml")):
        yaml.safe_load(file.read_text())


def test_the_formatter_and_the_linter_are_content(service: Path, tools: Path) -> None:
    check(tools / "ruff", "format", "--check", "--diff", "--no-cache", "app/about.py", cwd=service)
    check(tools / "ruff", "check", "--no-cache", "app/about.py", cwd=service)


def test_the_service_can_be_installed_and_shows_its_name(
    answers: Answers, service: Path, uv: str, tmp_path: Path
) -> None:
    own = os.environ | {"UV_PROJECT_ENVIRONMENT": str(tmp_path)}
    command = [uv, "run", "--quiet", "--no-dev", "app", "--help"]
    done = subprocess.run(command, cwd=service, env=own, check=True, stdout=subprocess.PIPE)
    shown = " ".join(done.stdout.decode().split())
    assert f"{answers['project_name']}: {answers['description']}" in shown
