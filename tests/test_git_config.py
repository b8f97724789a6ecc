"""Who git says is asking."""

from pathlib import Path

import pytest

from extensions.git import git_config


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in no repository, whose configuration would count too."""
    monkeypatch.chdir(tmp_path)


def test_the_value_is_what_git_knows() -> None:
    assert git_config("user.name") == "Test Author"


def test_there_may_be_none() -> None:
    assert git_config("user.nickname") == ""


def test_there_may_be_no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_config("user.name") == ""
