"""Releases: the list of them, the changelog, and the command that cuts one."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from scripts import release
from slipway import ROOT
from tests.conftest import git
from tests.updates import RELEASES, commit, edit, require_history

CHANGELOG = "# Changelog\n\n## Unreleased\n\n- News.\n\n## 0.1.0 - 2026-01-01\n\n- All.\n"


def test_the_changelog_has_every_release_newest_first() -> None:
    headings = re.findall(r"^## (.+)$", release.CHANGELOG.read_text(), re.MULTILINE)
    versions = [heading.partition(" - ")[0] for heading in headings]
    assert versions == ["Unreleased", *reversed(RELEASES)]


def test_releases_are_listed_in_order() -> None:
    versions = list(RELEASES)
    assert versions == sorted(versions, key=release.numbers)


@pytest.mark.parametrize("version", RELEASES)
def test_a_release_is_a_commit_of_this_branch(version: str) -> None:
    require_history(ROOT)
    commit_id = RELEASES[version]
    assert re.fullmatch(r"[0-9a-f]{40}", commit_id)
    git("merge-base", "--is-ancestor", commit_id, "HEAD", cwd=ROOT)
    changelog = git("show", f"{commit_id}:CHANGELOG.md", cwd=ROOT)
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[:2] == ["Unreleased", version]


@pytest.mark.parametrize("version", RELEASES)
def test_what_a_release_is_said_to_change_stays(version: str) -> None:
    """A merge that brings an entry from before the release puts it there: it is unreleased yet."""
    require_history(ROOT)
    then = git("show", f"{RELEASES[version]}:CHANGELOG.md", cwd=ROOT)
    assert section(release.CHANGELOG.read_text(), version) == section(then, version)


def section(changelog: str, version: str) -> str:
    """What stands under a version's heading."""
    [found] = re.findall(
        rf"^## {re.escape(version)} - .+?(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE
    )
    return str(found).strip()


def test_what_is_unreleased_gets_the_version() -> None:
    assert release.released(CHANGELOG, "0.2.0", date(2026, 2, 1)) == (
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-02-01\n\n- News.\n\n"
        "## 0.1.0 - 2026-01-01\n\n- All.\n"
    )


@pytest.mark.parametrize("changelog", ["# Changelog\n", CHANGELOG.replace("- News.\n", "")])
def test_nothing_unreleased_is_no_release(changelog: str) -> None:
    with pytest.raises(release.ReleaseError, match="nothing under Unreleased"):
        release.released(changelog, "0.2.0", date(2026, 2, 1))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v1.0.0", "v1.0.0 is no version: name one like 1.2.3"),
        ("1.0", "1.0 is no version"),
        ("1.01.0", "1.01.0 is no version"),
        ("0.9.0", "0.9.0 does not follow 0.10.0, the last release"),
        ("0.10.0", "0.10.0 does not follow 0.10.0, the last release"),
    ],
)
def test_a_version_that_can_not_follow_is_refused(version: str, said: str) -> None:
    with pytest.raises(release.ReleaseError, match=f"^{re.escape(said)}"):
        release.require_next(version, ["0.9.1", "0.10.0"])


class TestTheCommand:
    @pytest.fixture
    def clone(self, template: Path, tmp_path: Path) -> Path:
        """A clone in which there is something to release."""
        upstream, clone = tmp_path / "upstream", tmp_path / "clone"
        git("clone", "--quiet", str(template), str(upstream), cwd=tmp_path)
        edit(
            upstream / "CHANGELOG.md",
            lambda text: text.replace("## Unreleased\n", "## Unreleased\n\n- News.\n", 1),
        )
        commit(upstream, "Do something")
        git("clone", "--quiet", str(upstream), str(clone), cwd=tmp_path)
        return clone

    def test_makes_the_release_and_lists_it(self, clone: Path) -> None:
        done = run(clone, "99.0.0")

        assert done.returncode == 0, done.stderr
        assert git("status", "--porcelain", cwd=clone) == ""
        [listing, cut] = git("log", "-2", "--format=%s", cwd=clone).splitlines()
        assert (cut, listing) == ("Release 99.0.0", "List 99.0.0 among the releases")
        commit_id = git("rev-parse", "HEAD~1", cwd=clone).strip()
        assert (clone / "releases.toml").read_text().endswith(f'"99.0.0" = "{commit_id}"\n')
        assert "## Unreleased\n\n## 99.0.0 - 2" in (clone / "CHANGELOG.md").read_text()

    def test_refuses_changes_that_are_not_committed(self, clone: Path) -> None:
        (clone / "notes.txt").touch()
        assert "there are changes that are not committed" in run(clone, "99.0.0").stderr

    def test_refuses_commits_that_are_not_upstream(self, clone: Path) -> None:
        edit(clone / "README.md", lambda text: f"{text}\nMore.\n")
        commit_id = commit(clone, "Do something here")
        assert "this is not what is upstream" in run(clone, "99.0.0").stderr
        assert git("rev-parse", "HEAD", cwd=clone).strip() == commit_id


def run(clone: Path, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.release", version],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
