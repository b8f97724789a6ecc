"""The weekly run beyond the bounds, and the issue that tells of it."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from scripts import newest, newest_issue
from slipway import ROOT
from tests.conftest import check, git

GH = """\
    #!{python}
    # Stands in for GitHub's command, of which it takes what newest_issue.py uses.
    import json, pathlib, sys

    store = pathlib.Path({store!r})
    issues = json.loads(store.read_text())
    noun, verb, *rest = sys.argv[1:]
    assert noun == "issue"
    if verb == "list":
        assert rest == ["--state=open", "--limit=1000", "--json=number,title"]
        listed = [issue for issue in issues if issue["open"]]
        print(json.dumps([{{"number": i["number"], "title": i["title"]}} for i in listed]))
    elif verb == "create":
        _, title, _, body = rest
        new = {{"number": len(issues) + 1, "title": title, "open": True, "said": [body]}}
        issues.append(new)
    elif verb in ("comment", "close"):
        number, _, said = rest
        issues[int(number) - 1]["said"].append(said)
        issues[int(number) - 1]["open"] = verb == "comment"
    store.write_text(json.dumps(issues))
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The issues of a repository, in which there is somebody else's."""
    store = tmp_path / "issues.json"
    other = {"number": 1, "title": "Something else", "open": True, "said": []}
    store.write_text(json.dumps([other]))
    gh = tmp_path / "gh"
    gh.write_text(textwrap.dedent(GH).format(python=sys.executable, store=str(store)))
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return store


def test_a_failure_opens_one_issue_and_comments_it_after(store: Path) -> None:
    newest_issue.tell("failure", "https://example.com/1")
    newest_issue.tell("failure", "https://example.com/2")

    other, issue = issues(store)
    assert other["said"] == []
    assert issue["title"] == newest_issue.TITLE
    assert "has failed: https://example.com/1\n" in issue["said"][0]
    assert issue["said"][1:] == ["Again: https://example.com/2"]
    assert issue["open"]


def test_a_run_that_passes_closes_it_and_the_next_failure_opens_another(store: Path) -> None:
    newest_issue.tell("success", "https://example.com/0")
    assert len(issues(store)) == 1

    newest_issue.tell("failure", "https://example.com/1")
    newest_issue.tell("success", "https://example.com/2")
    newest_issue.tell("failure", "https://example.com/3")

    assert [issue["open"] for issue in issues(store)] == [True, False, True]
    assert issues(store)[1]["said"][-1] == "Passes: https://example.com/2"


@pytest.mark.parametrize("result", ["skipped", "cancelled"])
def test_a_run_that_did_not_happen_is_nothing_to_tell(store: Path, result: str) -> None:
    newest_issue.tell("failure", "https://example.com/1")
    before = issues(store)

    newest_issue.tell(result, "https://example.com/2")

    assert issues(store) == before


def issues(store: Path) -> list[dict[str, Any]]:
    return json.loads(store.read_text())  # type: ignore[no-any-return]


def test_the_issue_names_what_there_is() -> None:
    assert "python3 -m scripts.newest\n" in newest_issue.BODY
    assert (ROOT / "docs" / "dependencies.md").exists()


def test_upper_bounds_are_struck_and_nothing_else() -> None:
    bounded = """
        requires-python = ">=3.11"
        "uvloop>=0.23,<1; sys_platform != 'win32'", # Windows has none, <1 or not
        "pyjwt[crypto]>=2.15,<3",
        "pyyaml>=6.0.3,<7",
    """
    assert (
        newest.unbounded(bounded)
        == """
        requires-python = ">=3.11"
        "uvloop>=0.23; sys_platform != 'win32'", # Windows has none, <1 or not
        "pyjwt[crypto]>=2.15",
        "pyyaml>=6.0.3",
    """
    )


@pytest.fixture(scope="module")
def copy(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("newest") / "slipway"
    newest.unbounded_copy(uv, copy)
    return copy


def test_the_copy_is_committed_and_locks_what_is_newest(copy: Path, uv: str) -> None:
    assert git("status", "--porcelain", cwd=copy) == ""
    check(uv, "lock", "--check", "--quiet", cwd=copy)
    for name in newest.BOUNDED:
        assert not re.search(r'"[^"]+>=[\w.]+,<', (copy / name).read_text())


def test_what_is_newer_than_its_bound_is_told(
    uv: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "ROOT", tmp_path)
    monkeypatch.setattr(newest, "BOUNDED", ("pyproject.toml",))
    (tmp_path / "pyproject.toml").write_text('"iniconfig>=1,<2", "pluggy>=1,<1000"')

    [told] = newest.beyond(uv)

    assert told.startswith("iniconfig 2.")
    assert told.endswith(", <2")


def test_versions_are_compared_by_their_numbers() -> None:
    assert newest.release("0.10.2") > newest.release("0.9")
    assert newest.release("9.1.2.post2") == (9, 1, 2)


def test_the_command_runs_the_tests_beyond_the_bounds() -> None:
    """One test of the copy's, with its Copier: that it renders."""
    one = "tests/test_answers.py::test_every_question_has_help_and_a_default"
    done = subprocess.run(
        [sys.executable, "-m", "scripts.newest", "-n0", "-q", one],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
