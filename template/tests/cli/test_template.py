"""`app template`: what is new in the template, and how an update is run."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspace import Run

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")

CHANGELOG = """\
# Changelog

## Unreleased

## 0.3.0 - 2026-03-01

- The third.

## 0.2.0 - 2026-02-01

- The second.

## 0.1.0 - 2026-01-01

- The first.
"""


def git(*words: str, directory: Path) -> str:
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(  # noqa: S603 -- no shell, and the words are ours
        ["git", *author, *words],  # noqa: S607 -- whichever there is
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(directory: Path, message: str) -> str:
    git("add", "--all", directory=directory)
    git("commit", "--quiet", "--allow-empty", f"--message={message}", directory=directory)
    return git("rev-parse", "HEAD", directory=directory)


@pytest.fixture
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with three releases, and a commit after the first."""
    template = tmp_path_factory.mktemp("template")
    git("init", "--quiet", directory=template)
    commits = {"0.1.0": commit(template, "0.1.0")}
    commit(template, "Between")
    commits |= {version: commit(template, version) for version in ("0.2.0", "0.3.0")}
    lines = [f'"{version}" = "{commit}"\n' for version, commit in commits.items()]
    (template / "releases.toml").write_text("".join(lines))
    (template / "CHANGELOG.md").write_text(CHANGELOG)
    commit(template, "List the releases")
    return template


Service = Callable[[str], None]


@pytest.fixture
def service(workspace: Path, template: Path, run: Run) -> Service:
    """Has the workspace be a service that was rendered from a commit of the template."""

    def service(revision: str) -> None:
        rendered = git("rev-parse", "--short", revision, directory=template)
        answers = f"_commit: '{rendered}'\n_src_path: {template}\nslug: shop\n"
        (workspace / ".copier-answers.yml").write_text(answers)
        git("init", "--quiet", directory=workspace)
        commit(workspace, "Render the service")

    return service


@pytest.fixture
def uv(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for uv, which notes how it is called. Tests add to what it does."""
    program = tmp_path_factory.mktemp("bin") / "uv"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{program.with_name("calls")}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("UV", str(program))
    return program


def calls(uv: Path) -> list[str]:
    noted = uv.with_name("calls")
    return noted.read_text().splitlines() if noted.exists() else []


class TestStatus:
    def test_shows_the_versions_and_what_changed_since(
        self, run: Run, template: Path, service: Service
    ) -> None:
        service("HEAD~4")  # 0.1.0

        result = run("template", "status")

        assert result.code == 0, result.stderr
        assert result.stdout == (
            f"template  {template}\n"
            "version   0.1.0\n"
            "\n## 0.3.0 - 2026-03-01\n\n- The third.\n"
            "\n## 0.2.0 - 2026-02-01\n\n- The second.\n"
            "\n`uv run app template update` brings it to 0.3.0.\n"
        )

    def test_counts_the_commits_after_a_release(self, run: Run, service: Service) -> None:
        service("HEAD~3")

        assert "version   0.1.0 and 1 commit (" in run("template", "status").stdout

    def test_says_that_there_is_nothing_newer(self, run: Run, service: Service) -> None:
        service("HEAD~1")

        result = run("template", "status")

        assert result.stdout.endswith("version   0.3.0\n\nThere is nothing newer.\n")

    def test_a_service_without_answers_says_where_they_belong(self, run: Run) -> None:
        result = run("template", "status")

        assert result.code == 1
        assert result.stderr.startswith("error: there is no .copier-answers.yml here")

    def test_answers_that_name_no_template_are_refused(self, run: Run, workspace: Path) -> None:
        (workspace / ".copier-answers.yml").write_text("slug: shop\n")

        result = run("template", "status")

        assert result.code == 1
        assert "does not say where this service comes from (_src_path, _commit)" in result.stderr

    def test_a_template_that_is_out_of_reach_is_named(
        self, run: Run, template: Path, service: Service
    ) -> None:
        service("HEAD")
        template.rename(template.with_name("elsewhere"))

        result = run("template", "status")

        assert result.code == 1
        assert f"can't reach the template at {template}, which .copier-answers" in result.stderr

    def test_a_shallow_template_says_how_to_mend_it(
        self, run: Run, template: Path, service: Service
    ) -> None:
        service("HEAD")
        git("clone", "--quiet", "--depth=1", template.as_uri(), "shallow", directory=template)
        shutil.rmtree(template / ".git")
        (template / "shallow" / ".git").rename(template / ".git")

        result = run("template", "status")

        assert result.code == 1
        assert "is a shallow clone" in result.stderr
        assert "Run `git fetch --unshallow` there" in result.stderr

    def test_a_commit_that_the_template_lacks_is_named(
        self, run: Run, workspace: Path, template: Path
    ) -> None:
        answers = f"_commit: b78e3f1\n_src_path: {template}\n"
        (workspace / ".copier-answers.yml").write_text(answers)

        result = run("template", "status")

        assert result.code == 1
        assert f"rendered from b78e3f1, which {template} does not have" in result.stderr


class TestUpdate:
    def test_runs_copier_and_then_the_checks(
        self, run: Run, template: Path, service: Service, uv: Path
    ) -> None:
        service("HEAD~4")
        newest = git("rev-parse", "HEAD~1", directory=template)

        result = run("template", "update")

        assert result.code == 0, result.stderr
        copier = "tool run --from copier --with copier-template-extensions copier"
        assert calls(uv) == [
            f"{copier} update --trust --quiet --defaults --vcs-ref={newest}",
            "run app sql check --live",
            "run pytest",
        ]

    def test_goes_to_the_release_and_the_answers_that_are_named(
        self, run: Run, template: Path, service: Service, uv: Path
    ) -> None:
        service("HEAD~4")
        second = git("rev-parse", "HEAD~2", directory=template)

        result = run(
            *("template", "update", "--to", "0.2.0", "--data", "image_base=slim", "--no-test")
        )

        assert result.code == 0, result.stderr
        [copier] = calls(uv)
        assert copier.endswith(f" --vcs-ref={second} --data=image_base=slim")

    def test_a_release_that_is_none_is_refused(self, run: Run, service: Service, uv: Path) -> None:
        service("HEAD~4")

        result = run("template", "update", "--to", "0.9.0")

        assert result.code == 1
        assert "no release and no commit 0.9.0. Its releases: 0.1.0, 0.2.0, 0.3.0" in result.stderr
        assert calls(uv) == []

    def test_nothing_is_run_where_nothing_is_newer(
        self, run: Run, service: Service, uv: Path
    ) -> None:
        service("HEAD~1")

        assert run("template", "update").stdout == "There is nothing newer than 0.3.0.\n"
        assert calls(uv) == []

    def test_work_that_is_not_committed_is_kept_apart(
        self, run: Run, workspace: Path, service: Service, uv: Path
    ) -> None:
        service("HEAD~4")
        (workspace / "notes.txt").touch()

        result = run("template", "update")

        assert result.code == 1
        assert "there are changes that are not committed" in result.stderr
        assert result.stderr.endswith("\n?? notes.txt\n")
        assert calls(uv) == []

    def test_a_service_without_git_is_refused(
        self, run: Run, workspace: Path, service: Service, uv: Path
    ) -> None:
        service("HEAD~4")
        shutil.rmtree(workspace / ".git")

        result = run("template", "update")

        assert result.code == 1
        assert "this is no git repository" in result.stderr
        assert calls(uv) == []

    def test_conflicts_are_shown_before_anything_is_tested(
        self, run: Run, service: Service, uv: Path
    ) -> None:
        service("HEAD~4")
        with uv.open("a") as program:
            program.write("printf 'a\\n<<<<<<< before updating\\n' > marked.py\n")
            program.write("echo rejected > other.py.rej\n")

        result = run("template", "update")

        assert result.code == 1
        assert "your changes meet the template's" in result.stderr
        assert result.stderr.endswith(":\n  marked.py:2\n  other.py.rej\n")
        assert len(calls(uv)) == 1

    @pytest.mark.parametrize(
        ("failing", "said"),
        [
            ("tool", "Copier did not finish, and says why above"),
            ("run", "is updated, but `uv run app sql check --live` finds what it says above"),
        ],
    )
    def test_what_fails_is_named(
        self, run: Run, service: Service, uv: Path, failing: str, said: str
    ) -> None:
        service("HEAD~4")
        with uv.open("a") as program:
            program.write(f'[ "$1" != {failing} ]\n')

        result = run("template", "update")

        assert result.code == 1
        assert said in result.stderr
