"""What the tests of updates share: services with a past, and Copier as people call it."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest
import yaml
from copier import run_copy, run_update
from copier._main import Worker

from scripts.release import releases
from tests.conftest import files_in, git
from tests.variants import Answers

RELEASES: Final = releases()

FORMERLY: Final = {"license": "licence"}
"""Questions by their names of today, and what they were called before."""


def require_history(clone: Path) -> None:
    """Skip where the releases' commits are out of reach, as they are in a shallow clone."""
    if git("rev-parse", "--is-shallow-repository", cwd=clone).strip() == "true":
        pytest.skip("this clone is shallow, without the releases: run `git fetch --unshallow`")


def answers_at(commit_id: str, template: Path, answers: Answers) -> Answers:
    """Today's answers to what was asked then, by the names of then."""
    asked = yaml.safe_load(git("show", f"{commit_id}:copier.yml", cwd=template))
    named = {**answers, **{old: answers[new] for new, old in FORMERLY.items() if new in answers}}
    return {question: answer for question, answer in named.items() if question in asked}


def asked_since(then: Answers, answers: Answers) -> Answers:
    """The answers to what is asked today alone: not those whose question has another name now."""
    known = then.keys() | {new for new, old in FORMERLY.items() if old in then}
    return {question: answers[question] for question in answers.keys() - known}


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


def update_here(service: Path, answers: Answers, rendered: Sequence[Path]) -> None:
    """As `update`, within this process, which saves half of its time.

    Copier renders a service thrice in an update: into the service, and as it was and as it will be,
    to compare them. Where such a folder is among those that it has rendered before, of the same
    commit and with the same answers, it gets a copy.
    """
    source = Path(yaml.safe_load((service / ".copier-answers.yml").read_text())["_src_path"])
    newest = git("rev-parse", "HEAD", cwd=source).strip()
    run_copy = Worker.run_copy

    def copy_if_rendered(worker: Worker) -> None:
        known = (folder for folder in rendered if _would_render(worker, folder))
        empty = not any(worker.subproject.local_abspath.iterdir())
        if empty and (folder := next(known, None)):
            shutil.copytree(folder, worker.subproject.local_abspath, dirs_exist_ok=True)
        else:
            run_copy(worker)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "run_copy", copy_if_rendered)
        run_update(
            service,
            dict(answers),
            vcs_ref=newest,
            defaults=True,
            unsafe=True,
            quiet=True,
            overwrite=True,
        )


def _would_render(worker: Worker, folder: Path) -> bool:
    """Whether it is this folder's content that Copier would render."""
    noted: dict[str, object] = yaml.safe_load((folder / ".copier-answers.yml").read_text())
    commit, source = str(noted.pop("_commit")), noted.pop("_src_path")
    if source != worker.src_path or not str(worker.vcs_ref).startswith(commit):
        return False
    return all(worker.data.get(name) == answer for name, answer in noted.items())


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
