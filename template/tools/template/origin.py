"""The template: its releases, and what has changed between them."""

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml

from app.cli.failure import Failure
from tools.template.git import GitError, git, succeeds

ANSWERS: Final = Path(".copier-answers.yml")
_ABBREVIATIONS: Final = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
"""What Copier takes for an address."""


@dataclass(frozen=True)
class Release:
    """A version of the template, and its commit."""

    version: str
    commit: str


class Origin:
    """The template's repository, and the commit in it that the service was last rendered from."""

    def __init__(self, source: str, repository: str, commit: str) -> None:
        self.source = source
        self._repository = repository
        self.commit = self._find(
            commit,
            f"this service was rendered from {commit}, which {source} does not have: from changes "
            "that were never committed there, or from another clone. Render it anew with `copier "
            "recopy`, and take your own changes back with git",
        )

    @cached_property
    def releases(self) -> list[Release]:
        """All there are, oldest first."""
        text = self._file("releases.toml")
        return [Release(version, commit) for version, commit in tomllib.loads(text).items()]

    @cached_property
    def version(self) -> str:
        """The service's, for people: a release, or what comes after one."""
        short = self.commit[:7]
        past = [release for release in self.releases if self._holds(release)]
        if not past:
            return f"{short}, from before the first release"
        ahead = int(self._git("rev-list", "--count", f"{past[-1].commit}..{self.commit}"))
        if not ahead:
            return past[-1].version
        return f"{past[-1].version} and {ahead} commit{'s' if ahead > 1 else ''} ({short})"

    @cached_property
    def newer(self) -> list[Release]:
        """The releases that the service does not have yet, oldest first."""
        return [release for release in self.releases if not self._holds(release)]

    def changes(self, release: Release) -> str:
        """What the changelog says of a release."""
        heading = re.escape(f"## {release.version}")
        found = re.search(
            rf"^{heading}\b.*?(?=^## |\Z)", self._file("CHANGELOG.md"), re.DOTALL | re.MULTILINE
        )
        return found[0].strip() if found else f"## {release.version}"

    def find(self, name: str) -> str:
        """The full id of a release's commit, or of another one."""
        commits = {release.version: release.commit for release in self.releases}
        known = ", ".join(commits) or "none"
        return self._find(
            commits.get(name, name),
            f"{self.source} has no release and no commit {name}. Its releases: {known}",
        )

    def _holds(self, release: Release) -> bool:
        return self._says_yes("merge-base", "--is-ancestor", release.commit, self.commit)

    def _find(self, name: str, otherwise: str) -> str:
        try:
            words = ("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
            return self._git(*words).strip()
        except GitError as error:
            raise Failure(otherwise) from error

    def _file(self, path: str) -> str:
        """A file of the template's newest commit; empty where there is none."""
        try:
            return self._git("show", f"HEAD:{path}")
        except GitError:
            return ""

    def _git(self, *words: str) -> str:
        return git(*words, directory=self._repository)

    def _says_yes(self, *words: str) -> bool:
        return succeeds(*words, directory=self._repository)


@contextmanager
def fetched() -> Iterator[Origin]:
    """The service's template, in a clone that lasts until the end of the block."""
    answers = _answers()
    source, commit = answers["_src_path"], answers["_commit"]
    with TemporaryDirectory() as repository:
        try:
            git("clone", "--quiet", "--bare", "--", _url(source), repository)
        except GitError as error:
            raise Failure(
                f"can't reach the template at {source}, which {ANSWERS} names. git says: {error}"
            ) from error
        if git("rev-parse", "--is-shallow-repository", directory=repository).strip() == "true":
            raise Failure(
                f"the template at {source} is a shallow clone, without the history that updates "
                f"need. Run `git fetch --unshallow` there"
            )
        yield Origin(source, repository, commit)


def _answers() -> dict[str, str]:
    try:
        answers = yaml.safe_load(ANSWERS.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Failure(
            f"there is no {ANSWERS} here, in which Copier notes where a service comes from: run "
            "this in the service's folder, or bring the file back with git"
        ) from error
    if isinstance(answers, dict) and {"_src_path", "_commit"} <= answers.keys():
        return answers
    raise Failure(
        f"{ANSWERS} does not say where this service comes from (_src_path, _commit): bring it "
        "back with git"
    )


def _url(source: str) -> str:
    for abbreviation, url in _ABBREVIATIONS.items():
        if source.startswith(abbreviation):
            return url + source.removeprefix(abbreviation)
    return source.removeprefix("git+")
