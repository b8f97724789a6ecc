"""Calls of queries are typed as if they were written by hand, for mypy and for pyright."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway import ROOT
from tests.conftest import Render

SOURCES = ROOT / "tests" / "typed_calls"
WRONG = {
    ("wrong.py", number)
    for number, line in enumerate((SOURCES / "wrong.py").read_text().splitlines(), 1)
    if line.startswith("    ") and not line.endswith((",", ":"))
}

Places = set[tuple[str, int]]


@pytest.fixture(scope="module")
def typed_calls(render: Render) -> Path:
    """A service with the calls in it."""
    service = render({})
    shutil.copytree(SOURCES, service / "app" / "typed_calls")
    settings = {
        "include": ["app/typed_calls"],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
    }
    (service / "pyrightconfig.json").write_text(json.dumps(settings))
    return service


def test_mypy_reports_the_wrong_calls_and_no_others(typed_calls: Path, tools: Path) -> None:
    done = subprocess.run(
        [tools / "mypy", "app/typed_calls"], cwd=typed_calls, capture_output=True, check=False
    )
    found = re.findall(r"([^/\n]+):(\d+): error: ", done.stdout.decode())
    assert {(name, int(line)) for name, line in found} == WRONG, done.stdout.decode()


def test_pyright_reports_the_wrong_calls_and_no_others(typed_calls: Path, tools: Path) -> None:
    pyright = Path(sys.executable).with_name("basedpyright")
    done = subprocess.run(
        [pyright, "--outputjson", "--pythonpath", tools / "python"],
        cwd=typed_calls,
        capture_output=True,
        check=False,
    )
    report = json.loads(done.stdout)
    found: Places = {
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1)
        for item in report["generalDiagnostics"]
    }
    assert found == WRONG, report
    assert report["summary"]["filesAnalyzed"] == len(list(SOURCES.glob("*.py")))


def test_nobody_is_told_to_look_away() -> None:
    for path in SOURCES.glob("*.py"):
        assert "ignore" not in path.read_text(), f"{path} tells a checker to ignore something"
