"""What the tests of updates share: services with a past, and Copier as people call it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from copier import run_copy

from scripts.release import releases
from tests.conftest import files_in, git
from tests.variants import Answers

RELEASES: Final = releases()


def require_history(clone: Path) -> None:
    """Skip where the releases' commits are out of reach, as they are in a shallow clone."""
    if git("rev-parse", "--is-shallow-repository", cwd=clone).strip() == "true":
        pytest.skip("this clone is shallow, without the releases: run `git fetch --unshallow`")


def render_at(commit_id: str, template: Path, service: Path, answers: Answers) -> None:
    """Render a service as the template was then."""
    run_copy(
        str(template),
        service,
        dict(answers),
        vcs_ref=commit_id,
        defaults=True,
        unsafe=True,
        quiet=True,
    )


def commit(folder: Path, message: str) -> str:
    """Commit all there is, and return the commit's id."""
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", f"--message={message}", cwd=folder)
    return git("rev-parse", "HEAD", cwd=folder).strip()


def update(service: Path, *options: str) -> str:
    """Update the service to the template's last commit, and return what is said."""
    done = try_to_update(service, *options)
    assert done.returncode == 0, done.stdout
    return done.stdout


def try_to_update(service: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """As `update`, where that may fail."""
    command = [sys.executable, "-m", "copier", "update", "--trust", "--defaults", "--quiet"]
    return subprocess.run(
        [*command, "--vcs-ref=HEAD", *options],
        cwd=service,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def unmerged(service: Path) -> set[str]:
    """The files with conflicts, as git knows them."""
    return set(git("diff", "--name-only", "--diff-filter=U", cwd=service).splitlines())


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Change a file's text, and fail where that changes nothing."""
    before = path.read_text()
    after = change(before)
    assert after != before, path
    path.write_text(after)


def begin(service: Path) -> None:
    """Make it a repository, with all there is committed."""
    git("init", "--quiet", cwd=service)
    commit(service, "Render the service")


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files of a folder but git's own: mode and content by path."""
    paths = {path: folder / path for path in files_in(folder)}
    return {path: (file.stat().st_mode, file.read_bytes()) for path, file in paths.items()}
