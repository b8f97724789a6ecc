"""Cuts a release: python -m scripts.release VERSION

Makes two commits, to be pushed as they are: one gives what is unreleased in CHANGELOG.md the
version, the other lists the first one's id in releases.toml. docs/releasing.md says when and how.
"""

import re
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from typing import Final

from slipway import ROOT, say

CHANGELOG: Final = ROOT / "CHANGELOG.md"
RELEASES: Final = ROOT / "releases.toml"

_VERSION: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_UNRELEASED: Final = re.compile(
    r"^## Unreleased\n(?P<changes>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE
)


class ReleaseError(Exception):
    """This can't be released. Says why, and what to do."""


def main() -> None:
    """Cut the release that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        cut(sys.argv[1])
    except ReleaseError as error:
        sys.exit(f"slipway: {error}")


def cut(version: str) -> None:
    """Make the release's two commits. Raises `ReleaseError`."""
    require_next(version, list(releases()))
    require_what_is_on_main()
    CHANGELOG.write_text(released(CHANGELOG.read_text(), version, datetime.now(UTC).date()))
    commit = commit_all(f"Release {version}")
    with RELEASES.open("a") as listed:
        listed.write(f'"{version}" = "{commit}"\n')
    commit_all(f"List {version} among the releases")
    say(f"{version} is {commit}. Now: git push")


def releases() -> dict[str, str]:
    """The versions that there are, oldest first, with the full ids of their commits."""
    return tomllib.loads(RELEASES.read_text())


def require_next(version: str, past: list[str]) -> None:
    """Raises `ReleaseError` where this is no version, or none that can follow the last."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is no version: name one like 1.2.3")
    if past and numbers(version) <= numbers(past[-1]):
        raise ReleaseError(f"{version} does not follow {past[-1]}, the last release")


def numbers(version: str) -> tuple[int, ...]:
    """What versions are compared by."""
    return tuple(map(int, version.split(".")))


def require_what_is_on_main() -> None:
    """Raises `ReleaseError` where the clone is not exactly its upstream's newest commit: else the
    push would be refused, and a rebase would give the release another id.
    """
    if git("status", "--porcelain"):
        raise ReleaseError("there are changes that are not committed: commit them and push first")
    git("fetch", "--quiet")
    if git("rev-parse", "HEAD") != git("rev-parse", "@{upstream}"):
        raise ReleaseError("this is not what is upstream: git pull --rebase, and push first")


def released(changelog: str, version: str, day: date) -> str:
    """The changelog, with what was unreleased under the version. Raises `ReleaseError`."""
    unreleased = _UNRELEASED.search(changelog)
    if not unreleased or not unreleased["changes"].strip():
        raise ReleaseError("CHANGELOG.md has nothing under Unreleased: there is nothing to release")
    heading = f"## Unreleased\n\n## {version} - {day.isoformat()}\n"
    return changelog[: unreleased.start()] + heading + changelog[unreleased.start("changes") :]


def commit_all(message: str) -> str:
    """Commit the changes, and return the commit's id."""
    git("commit", "--quiet", "--all", f"--message={message}")
    return git("rev-parse", "HEAD").strip()


def git(*words: str) -> str:
    """Run git in this clone and return what it prints. Raises `ReleaseError`."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {words[0]} says: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
