"""The workflows, the template's and a service's: what they may do, and what they run."""

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from slipway import ROOT, find_uv
from tests.conftest import Render, check, printed, with_uv
from tests.containers import project_in, wait_until
from tests.variants import FRESH, VARIANTS

OURS: Final = ROOT / ".github" / "workflows"
RENDERED: Final = ROOT / "template" / "{% if ci == 'github' %}.github{% endif %}" / "workflows"
WORKFLOWS: Final = [*sorted(OURS.iterdir()), *sorted(RENDERED.iterdir())]

USES = re.compile(r"uses: (\S+)(.*)")
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
VERSION = re.compile(r" # v\d+\.\d+\.\d+")

PROGRAMS: Final = Path(sys.executable).parent

MAY_WRITE: Final = {
    "issue": {"contents": "read", "issues": "write"},
    "publish": {
        "contents": "read",
        "packages": "write",
        "id-token": "write",
        "attestations": "write",
    },
}
"""By job. All others may read the repository, and no more."""


def name(path: Path) -> str:
    return f"{'template' if path.parent == OURS else 'rendered'}-{path.stem}"


@pytest.fixture(params=WORKFLOWS, ids=name)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def workflow(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())  # type: ignore[no-any-return]


def test_actions_are_pinned_by_commit(path: Path) -> None:
    used = USES.findall(path.read_text())
    assert used
    for action, comment in used:
        assert PINNED.fullmatch(action)
        assert VERSION.fullmatch(comment)


def test_an_action_has_one_version_everywhere() -> None:
    """What Dependabot raises in the template's workflows is to be raised in the rendered one."""
    used = {action for path in WORKFLOWS for action, _ in USES.findall(path.read_text())}
    assert len(used) == len({action.partition("@")[0] for action in used})


def test_it_may_read_and_no_more_than_it_needs(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for job_name, job in workflow["jobs"].items():
        assert job.get("permissions") == MAY_WRITE.get(job_name)
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_no_job_runs_for_ever(workflow: dict[str, Any]) -> None:
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_no_expression_gets_into_a_shell(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_linters_find_nothing(path: Path) -> None:
    # The shell's linter is found where jactionlint is. The image of a service container is pinned
    # by tag, as all images are here: zizmor's usual persona lets that pass.
    searched = {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    for command in (
        ("jactionlint", "--profile=correctness", path.name),
        ("zizmor", "--offline", "--quiet", path.name),
        ("check-jsonschema", "--builtin-schema=vendor.github-workflows", path.name),
    ):
        done = subprocess.run(
            command, cwd=path.parent, env=os.environ | searched, capture_output=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_gitlab_knows_every_keyword(render: Render) -> None:
    schema = ("--builtin-schema=vendor.gitlab-ci", "--data-transform=gitlab-ci")
    service = render({"ci": "gitlab"})
    check(PROGRAMS / "check-jsonschema", *schema, ".gitlab-ci.yml", cwd=service)


def test_the_matrix_is_the_list_of_variants() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.variants"], cwd=ROOT, check=True, capture_output=True
    )
    printed = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
    assert json.loads(printed["every"]) == [variant.name for variant in VARIANTS]
    assert json.loads(printed["fresh"]) == [variant.name for variant in FRESH]


# What a service's workflow runs, run here: GitHub's as it is, GitLab's where it differs.


@pytest.fixture(scope="module")
def github() -> dict[str, Any]:
    """The jobs of a service's workflow."""
    return yaml.safe_load((RENDERED / "ci.yml").read_text())["jobs"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def gitlab() -> dict[str, Any]:
    """The jobs of a service's pipeline."""
    path = ROOT / "template" / "{% if ci == 'gitlab' %}.gitlab-ci.yml{% endif %}"
    return yaml.safe_load(path.read_text())  # type: ignore[no-any-return]


def scripts(job: dict[str, Any]) -> list[str]:
    """What a job on GitHub runs, where all goes well."""
    return [step["run"] for step in job["steps"] if "run" in step and step.get("if") != "failure()"]


def run(script: str, cwd: Path, variables: Mapping[str, str]) -> str:
    """Run a script as either platform does, with uv installed, and return what it prints."""
    command = ("bash", "-e", "-o", "pipefail", "-c", script)
    return printed(command, cwd, with_uv(find_uv()) | dict(variables))


@pytest.fixture(scope="module")
def locked(render: Render, uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service as it is committed: rendered, and locked. Tests change nothing in it."""
    service = render({})
    check(uv, "lock", "--quiet", cwd=service)
    return service


def test_a_services_checks_pass(
    github: dict[str, Any], locked: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # As in test_variants.py: most of what mypy reads is libraries.
    cache = {"MYPY_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "mypy")}
    for script in scripts(github["check"]):
        run(script, locked, cache)


@pytest.mark.docker
def test_a_services_tests_run_on_the_servers_image(github: dict[str, Any], locked: Path) -> None:
    with server(github["test"]["services"]["database"]) as address:
        variables = {"TEST_DATABASE_URL": address}
        *others, suite = scripts(github["test"])
        for script in others:
            run(script, locked, variables)
        assert suite == "uv run pytest"
        # The whole of it is test_suites.py's; here it is the server that is tried.
        run(f"{suite} tests/db/test_migrations.py tests/api/test_login.py", locked, variables)


@contextmanager
def server(service: dict[str, Any]) -> Iterator[str]:
    """The container that GitHub would start beside a job: the address of its database."""
    container = f"slipway-test-{secrets.token_hex(4)}"
    variables = [shlex.quote(f"--env={key}={value}") for key, value in service["env"].items()]
    options = " ".join(["docker", "run", "--detach", f"--name={container}", service["options"]])
    try:
        run(" ".join([options, *variables, service["image"]]), ROOT, {})
        wait_until(lambda: inspect(container, "{{.State.Health.Status}}") == "healthy\n")
        address = inspect(container, "{{.NetworkSettings.IPAddress}}").strip()
        yield f"postgresql://postgres@{address}:5432/postgres"
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], check=False)


def inspect(container: str, field: str) -> str:
    found = subprocess.run(
        ["docker", "inspect", "--format", field, container],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return found.stdout


@pytest.mark.docker
def test_a_services_containers_come_up_and_do_what_they_are_for(
    github: dict[str, Any], render: Render, uv: str
) -> None:
    with project_in(render({}), uv) as project:
        printed = "".join(
            project.carry_out(script.replace("http://127.0.0.1:8000", project.url))
            for script in scripts(github["image"])
        )
        assert "POST /api/v1/auth/login: 200\n" in printed
        assert project.compose("ps", "--all", "--quiet") == ""


def test_an_image_is_published_under_its_version(
    github: dict[str, Any], locked: Path, tmp_path: Path
) -> None:
    [script] = scripts(github["publish"])
    outputs = tmp_path / "outputs"
    variables = {
        "GITHUB_REF_NAME": "v0.1.0",
        "GITHUB_REPOSITORY": "Example/My-Service",
        "GITHUB_OUTPUT": str(outputs),
    }

    run(script, locked, variables)

    assert outputs.read_text().splitlines() == [
        "name=ghcr.io/example/my-service",
        "version=0.1.0",
    ]
    with pytest.raises(AssertionError, match=r"v9\.0\.0 tags a commit whose version is 0\.1\.0"):
        run(script, locked, variables | {"GITHUB_REF_NAME": "v9.0.0"})


def test_nothing_is_published_but_by_a_tag_that_has_passed_all_else(
    github: dict[str, Any], gitlab: dict[str, Any]
) -> None:
    assert github["publish"]["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert set(github["publish"]["needs"]) == github.keys() - {"publish"}
    assert gitlab["publish"]["rules"] == [{"if": "$CI_COMMIT_TAG =~ /^v/"}]
    assert set(gitlab["publish"]["needs"]) == {"check", "test", "containers"}


@pytest.mark.parametrize(("job", "as_github"), [("check", "check"), ("test", "test")])
def test_gitlab_checks_what_github_does(
    job: str, as_github: str, github: dict[str, Any], gitlab: dict[str, Any]
) -> None:
    said_plainly = [script.replace(" --format github", "") for script in scripts(github[as_github])]
    assert gitlab[job]["script"] == said_plainly


def test_gitlab_runs_the_containers_that_github_does(
    github: dict[str, Any], gitlab: dict[str, Any]
) -> None:
    elsewhere = [
        script.replace("127.0.0.1", "docker")
        for script in scripts(github["image"])
        if "down" not in script  # the engine is gone with the job
    ]
    assert gitlab["containers"]["script"] == elsewhere
    database = github["test"]["services"]["database"]
    [service] = gitlab["test"]["services"]
    assert (service["name"], service["variables"]) == (database["image"], database["env"])


def test_gitlab_publishes_an_image_under_its_version(
    gitlab: dict[str, Any], locked: Path, tmp_path: Path
) -> None:
    """With what stands in for docker and notes how it was called: there is no registry here."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$1" != login ] || cat >> "$CALLS"\n')
    docker.chmod(0o755)
    calls = tmp_path / "calls"
    variables = {
        "PATH": f"{tmp_path}{os.pathsep}{with_uv(find_uv())['PATH']}",
        "CALLS": str(calls),
        "CI_COMMIT_TAG": "v0.1.0",
        "CI_REGISTRY": "registry.example.com",
        "CI_REGISTRY_USER": "robot",
        "CI_REGISTRY_PASSWORD": "not shown",
        "CI_REGISTRY_IMAGE": "registry.example.com/example/my-service",
    }

    run("\n".join(gitlab["publish"]["script"]), locked, variables)

    assert calls.read_text().splitlines() == [
        "login --username robot --password-stdin registry.example.com",
        "not shown",
        "context create engine",
        "buildx create --use engine",
        "buildx build --push --tag registry.example.com/example/my-service:0.1.0"
        " --build-arg VERSION --build-arg REVISION --build-arg SOURCE"
        " --provenance=mode=max --sbom=true .",
    ]
