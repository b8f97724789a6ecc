"""The workflows, the template's and the rendered one: what they may do, and what they run."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import ROOT
from tests.variants import with_check

RENDERED = ROOT / "template" / "{% if ci == 'github' %}.github{% endif %}"
WORKFLOWS = [ROOT / ".github" / "workflows" / "ci.yml", RENDERED / "workflows" / "ci.yml"]

USES = re.compile(r"uses: (\S+)(.*)")
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
VERSION = re.compile(r" # v\d+\.\d+\.\d+")


@pytest.fixture(params=WORKFLOWS, ids=["template", "rendered"])
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


def test_it_may_read_and_no_more(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_no_job_runs_for_ever(workflow: dict[str, Any]) -> None:
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_no_expression_gets_into_a_shell(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_the_matrix_is_the_list_of_variants() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.variants"], cwd=ROOT, check=True, capture_output=True
    )
    printed = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
    assert json.loads(printed["suite"]) == [variant.name for variant in with_check("suite")]
