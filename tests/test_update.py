"""Services of every release update to the present, with all that is their users'.

What becomes of edits to files that the template renames or deletes is in test_carried_edits.py, and
of answers that change in test_switched_answers.py.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from slipway import ROOT, environment
from tests.conftest import Render, check_tests, files_in, git
from tests.updates import (
    RELEASES,
    begin,
    commit,
    edit,
    render_at,
    require_history,
    tree,
    unmerged,
    update,
)
from tests.variants import VARIANTS, Answers, Variant

OURS: Final = ROOT / "tests" / "ours"
"""A domain of a user's own: a table with a row, a query, a route."""

PRIVATE: Final = {".env": "LOG_LEVEL=debug\n", "secrets/deploy_key": "Ours\n"}
"""What git doesn't have."""

POOL: Final = "database_pool_max_size: int = Field({},"

QUICK: Final = ("tests/api/test_my_account.py", "tests/api/test_profiles.py")
"""What an edited service is tested with here."""


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest, template: Path) -> str:
    """The id of each release's commit."""
    require_history(template)
    return RELEASES[request.param]


def answers_then(release: str, variant: Variant, template: Path) -> Answers:
    """A variant's answers to what was asked in the release."""
    asked = yaml.safe_load(git("show", f"{release}:copier.yml", cwd=template))
    return {question: answer for question, answer in variant.answers.items() if question in asked}


def test_a_pristine_service_becomes_what_is_rendered_today(
    release: str, variant: Variant, service: Path, template: Path, tmp_path: Path
) -> None:
    pristine = tmp_path / "service"
    then = answers_then(release, variant, template)
    render_at(release, template, pristine, then)
    begin(pristine)

    since = [f"--data={new}={variant.answers[new]}" for new in variant.answers.keys() - then.keys()]
    update(pristine, *since)

    assert tree(pristine) == tree(service)
    assert unmerged(pristine) == set()


@pytest.mark.parametrize("used", [VARIANTS[0], VARIANTS[-1]], ids=lambda variant: variant.name)
def test_a_service_in_use_keeps_what_is_its_users(
    release: str, used: Variant, template: Path, render: Render, uv: str, tmp_path: Path
) -> None:
    """One test, since the way there takes most of the time."""
    service = tmp_path / "service"
    render_at(release, template, service, answers_then(release, used, template))
    make_ours(service)
    app(uv, service, "sql", "prepare")
    app(uv, service, "db", "migrate")
    app(uv, service, "users", "create", "ada@example.com", "--name=Ada", stdin="a long secret")
    begin(service)
    for path, text in PRIVATE.items():
        (service / path).write_text(text)
    lock = (service / "uv.lock").read_bytes()

    newest = git("rev-parse", "HEAD", cwd=template).strip()
    app(uv, service, "template", "update", f"--to={newest}", "--no-test")

    it_has_no_conflicts(service)
    wanted = render(used.answers)
    make_ours(wanted)
    its_files_are_todays_with_the_edits_kept(service, wanted)
    assert {path: (service / path).read_text() for path in PRIVATE} == PRIVATE
    assert (service / "uv.lock").read_bytes() == lock
    its_database_migrates_with_its_rows(service, uv)
    its_queries_and_its_tests_are_right(service, uv)
    a_second_update_changes_nothing(service)


def it_has_no_conflicts(service: Path) -> None:
    assert unmerged(service) == set()
    assert not list(service.rglob("*.rej"))


def its_files_are_todays_with_the_edits_kept(service: Path, wanted: Path) -> None:
    ours = {"uv.lock", "sql/orders.list_orders.json"}
    assert in_git(service) == files_in(wanted) | ours
    # What the snapshot was made of is checked by what made it.
    for path in files_in(wanted) - {"sql/schema.lock"}:
        assert (service / path).read_text() == (wanted / path).read_text()


def its_database_migrates_with_its_rows(service: Path, uv: str) -> None:
    app(uv, service, "db", "migrate")
    assert "ada@example.com" in app(uv, service, "users", "list")


def its_queries_and_its_tests_are_right(service: Path, uv: str) -> None:
    app(uv, service, "sql", "check")
    check_tests(uv, "run", "--quiet", "pytest", "--quiet", *QUICK, cwd=service)


def a_second_update_changes_nothing(service: Path) -> None:
    commit(service, "Update")
    assert update(service) == ""
    assert git("status", "--porcelain", cwd=service) == ""


def make_ours(service: Path) -> None:
    """Do what users do: change a handler, a default and texts, delete a file, add a domain."""
    routes = service / "app" / "users" / "routes.py"
    edit(routes, lambda text: text.replace("if profile is None:", "if not profile:"))
    settings = service / "app" / "settings.py"
    edit(settings, lambda text: text.replace(POOL.format(10), POOL.format(7)))
    edit(service / "app" / "about.py", lambda text: text.replace("0.1.0", "1.2.0"))
    edit(service / "README.md", lambda text: f"{text}\n## On call\n\nJane, then Joe.\n")
    (service / "monitoring" / "dashboard.json").unlink()

    shutil.copytree(OURS, service, dirs_exist_ok=True)
    api = service / "app" / "api.py"
    imported = "from app.orders import routes as orders\n"
    edit(api, lambda text: text.replace("from app.problems", f"{imported}from app.problems"))
    edit(api, lambda text: f"{text}router.include_router(orders.router)\n")


def app(uv: str, service: Path, *words: str, stdin: str = "") -> str:
    """Run one of the service's own commands, and return what it prints."""
    done = subprocess.run(
        [uv, "run", "--quiet", "app", *words],
        cwd=service,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_git(service: Path) -> set[str]:
    """All files that are in git, or would be with the next commit."""
    gone = git("ls-files", "--deleted", cwd=service).splitlines()
    there = git("ls-files", "--cached", "--others", "--exclude-standard", cwd=service).splitlines()
    return set(there) - set(gone)
