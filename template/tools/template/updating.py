"""What ``app template status`` and ``app template update`` do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import typer

from app.cli.failure import Failure
from tools.template.git import GitError, git
from tools.template.origin import Origin, fetched

_WITH_EXTENSIONS: Final = ("--from", "copier", "--with", "copier-template-extensions")
_MARK: Final = "^<<<<<<< before updating$"
_CHECKS: Final = (("app", "sql", "check", "--live"), ("pytest",))


def status() -> None:
    """Say which version the service is on, and what newer ones change."""
    with fetched() as origin:
        typer.echo(f"template  {origin.source}")
        typer.echo(f"version   {origin.version}")
        if not origin.newer:
            typer.echo("\nThere is nothing newer.")
            return
        for release in reversed(origin.newer):
            typer.echo(f"\n{origin.changes(release)}")
        typer.echo(f"\n`uv run app template update` brings it to {origin.newer[-1].version}.")


def update(to: str, data: Sequence[str], *, test: bool) -> None:
    """Bring the service to a release or commit, or to other answers. Raises `Failure`."""
    _require_committed_work()
    with fetched() as origin:
        commit = _target(origin, to)
        if commit == origin.commit and not data:
            typer.echo(f"There is nothing newer than {origin.version}.")
            return
        typer.echo(f"updating from {origin.version}")
        _run_copier(commit, data)
    _require_no_conflicts()
    if test:
        _check()
    typer.echo("The service is updated. Look at it with `git diff`, then commit it.")


def _target(origin: Origin, to: str) -> str:
    if to:
        return origin.find(to)
    return origin.newer[-1].commit if origin.newer else origin.commit


def _require_committed_work() -> None:
    try:
        changes = git("status", "--short", "--", ".")
    except GitError as error:
        raise Failure(
            "this is no git repository, and an update needs one to keep your changes apart from "
            "the template's: git init, git add --all, git commit, then update"
        ) from error
    if changes:
        raise Failure(
            "there are changes that are not committed, and an update would mix with them. Commit "
            f"them (or git stash --include-untracked), then update:\n{changes.rstrip()}"
        )


def _run_copier(commit: str, data: Sequence[str]) -> None:
    answered = [f"--data={answer}" for answer in data]
    asking = "--skip-answered" if sys.stdin.isatty() else "--defaults"
    options = ("--trust", "--quiet", asking, f"--vcs-ref={commit}", *answered)
    if not _uv("tool", "run", *_WITH_EXTENSIONS, "copier", "update", *options):
        raise Failure(
            "Copier did not finish, and says why above. `git status` shows what it has changed"
        )


def _require_no_conflicts() -> None:
    conflicts = _conflicts()
    if conflicts:
        places = "\n".join(f"  {place}" for place in conflicts)
        raise Failure(
            "your changes meet the template's. Mend these places, `git add` their files, then run "
            f"`uv run app sql check --live` and `uv run pytest`:\n{places}"
        )


def _conflicts() -> list[str]:
    """Where the user's changes meet the template's: marks by line, and what could not be marked."""
    marked = _marked()
    unmerged = _paths("diff", "--name-only", "--relative", "--diff-filter=U")
    rejected = _paths("ls-files", "--others", "--", "*.rej")
    named = {place.rpartition(":")[0] for place in marked}
    return [*marked, *(path for path in [*unmerged, *rejected] if path not in named)]


def _marked() -> list[str]:
    try:
        found = _paths("grep", "--untracked", "--line-number", "-e", _MARK)
    except GitError:  # its way to say that there is none
        return []
    return [line.rpartition(":")[0] for line in found]


def _paths(*words: str) -> list[str]:
    return git("-c", "core.quotePath=false", *words).splitlines()


def _check() -> None:
    """Run the service's own checks and tests."""
    for check in _CHECKS:
        if not _uv("run", *check):
            raise Failure(
                f"the service is updated, but `uv run {' '.join(check)}` finds what it says above"
            )


def _uv(*words: str) -> bool:
    """Run uv. Says whether it succeeded."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise Failure("uv is not installed, which runs Copier: https://docs.astral.sh/uv/")
    return subprocess.run([uv, *words], check=False).returncode == 0  # noqa: S603 -- no shell
