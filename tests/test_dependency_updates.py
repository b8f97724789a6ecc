"""The configurations of Dependabot and Renovate, and which of them a service gets."""

import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from extensions.dependencies import dependabot_error, usual_dependency_updates
from slipway import ROOT
from tests.conftest import Render, check
from tests.questions import choices
from tests.updates import begin, render_at, update
from tests.variants import AUTHOR

PROGRAMS: Final = Path(sys.executable).parent

FILES: Final = {
    "uv": "pyproject.toml",
    "github-actions": ".github/workflows/ci.yml",
    "docker": "Dockerfile",
    "docker-compose": "compose.yaml",
}
"""What Dependabot reads, by its names for them."""


Rendered = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def rendered(render: Render) -> Rendered:
    """A service with these answers to `ci` and `dependency_updates`, rendered once."""
    return cache(lambda ci, updates: render({"ci": ci, "dependency_updates": updates}))


@pytest.fixture(params=choices("ci"))
def ci(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_default_is_a_choice_that_nothing_speaks_against(ci: str, render: Render) -> None:
    chosen = usual_dependency_updates(ci)

    assert chosen in choices("dependency_updates")
    answers = yaml.safe_load((render({"ci": ci}) / ".copier-answers.yml").read_text())
    assert answers["dependency_updates"] == chosen


def test_dependabot_is_refused_where_there_is_none() -> None:
    assert {ci for ci in choices("ci") if dependabot_error(ci)} == {"gitlab"}
    assert dependabot_error("gitlab") == (
        "Choose renovate or none: Dependabot is a part of GitHub, and ci=gitlab."
    )


def test_moving_to_gitlab_puts_renovate_in_dependabots_place(
    template: Path, tmp_path: Path, render: Render
) -> None:
    service = tmp_path / "service"
    render_at("HEAD", template, service, AUTHOR)
    begin(service)
    assert (service / ".github" / "dependabot.yml").exists()

    update(service, "--data=ci=gitlab")

    assert not (service / ".github").exists()
    wanted = render({"ci": "gitlab"}) / "renovate.json"
    assert (service / "renovate.json").read_text() == wanted.read_text()


@pytest.mark.parametrize("ci", ["github", "none"])
def test_dependabot_has_a_configuration_that_it_takes(ci: str, rendered: Rendered) -> None:
    service = rendered(ci, "dependabot")

    valid("vendor.dependabot", ".github/dependabot.yml", service)
    zizmor = (PROGRAMS / "zizmor", "--offline", "--quiet", "--persona=auditor")
    check(*zizmor, ".github/dependabot.yml", cwd=service)


def test_the_templates_own_configuration_is_one_that_dependabot_takes() -> None:
    valid("vendor.dependabot", ".github/dependabot.yml", ROOT)
    check(PROGRAMS / "zizmor", "--offline", "--quiet", ".github/dependabot.yml", cwd=ROOT)


def test_renovate_has_a_configuration_that_it_takes(rendered: Rendered) -> None:
    valid("vendor.renovate", "renovate.json", rendered("github", "renovate"))


@pytest.mark.parametrize("ci", ["github", "none"])
def test_dependabot_looks_at_all_there_is_once_a_week(ci: str, rendered: Rendered) -> None:
    service = rendered(ci, "dependabot")
    updates = yaml.safe_load((service / ".github" / "dependabot.yml").read_text())["updates"]

    looked_at = {entry["package-ecosystem"] for entry in updates}
    assert looked_at == {name for name, path in FILES.items() if (service / path).exists()}
    for entry in updates:
        assert entry["directory"] == "/"
        assert entry["schedule"] == {"interval": "weekly"}
        assert entry["cooldown"] == {"default-days": 7}
        assert len(entry["groups"]) == 1


def test_renovate_groups_what_is_new_once_a_week(rendered: Rendered) -> None:
    config = json.loads((rendered("github", "renovate") / "renovate.json").read_text())

    assert "schedule:weekly" in config["extends"]
    assert config["minimumReleaseAge"] == "7 days"
    groups = [rule["groupName"] for rule in config["packageRules"] if "groupName" in rule]
    assert groups == ["packages", "actions", "images"]


def test_what_the_template_moves_as_a_whole_is_left_to_it(rendered: Rendered) -> None:
    """The image's Python, whose paths stand in the Dockerfile; and PostgreSQL's major version."""
    service = rendered("github", "dependabot")
    updates = yaml.safe_load((service / ".github" / "dependabot.yml").read_text())["updates"]
    ignored = {
        (entry["package-ecosystem"], rule["dependency-name"]): rule["update-types"]
        for entry in updates
        for rule in entry.get("ignore", [])
    }
    disabled = {
        (*rule["matchDatasources"], *rule["matchPackageNames"]): rule["matchUpdateTypes"]
        for rule in json.loads((rendered("github", "renovate") / "renovate.json").read_text())[
            "packageRules"
        ]
        if not rule.get("enabled", True)
    }

    assert ignored == {
        ("docker", "python"): ["version-update:semver-major", "version-update:semver-minor"],
        ("docker-compose", "postgres"): ["version-update:semver-major"],
    }
    assert disabled == {("docker", "python"): ["major", "minor"], ("docker", "postgres"): ["major"]}


def test_what_one_bot_does_not_see_in_swarm_is_as_in_compose(render: Render) -> None:
    service = render({"rate_limit_store": "valkey"})
    swarm = {image for path in service.glob("swarm/*.yaml") for image in images(path)}
    assert swarm - images(service / "compose.yaml") == {"nginxinc/nginx-unprivileged:1-alpine"}


def images(path: Path) -> set[str]:
    """The images that a file names outright, not by a variable."""
    return set(re.findall(r"^ +image: ([^$\s]+)$", path.read_text(), re.MULTILINE))


def valid(schema: str, path: str, service: Path) -> None:
    """Check a file of the service against one of the schemas that come with check-jsonschema."""
    check(PROGRAMS / "check-jsonschema", f"--builtin-schema={schema}", path, cwd=service)
