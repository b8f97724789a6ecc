"""In an update, the template's new migrations come after those that databases have run."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Literal

import pytest
from copier import run_copy, run_update

from migrations.order_migrations import later_versions
from slipway import ROOT
from tests.conftest import git
from tests.updates import begin, commit, unmerged

FIRST, SECOND, THIRD = "20260101000000_first", "20260201000000_second", "20260301000000_third"
OURS = "20991231000000_ours"
LOCK = Path("sql", "schema.lock")

COPIER = """\
_subdirectory: template
_migrations:
  - ["{{ _copier_python }}", "{{ _copier_conf.src_path }}/migrations/order_migrations.py"]
with_first:
  type: bool
  default: true
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A template with nothing but two migrations and what lists them."""
    small = tmp_path / "small"
    (small / "migrations").mkdir(parents=True)
    shutil.copy(ROOT / "migrations" / "order_migrations.py", small / "migrations")
    (small / "copier.yml").write_text(COPIER)
    template = small / "template"
    (template / "migrations").mkdir(parents=True)
    (template / "{{ _copier_conf.answers_file }}.jinja").write_text(
        "{{ _copier_answers|to_nice_yaml }}"
    )
    add(template, FIRST, "{%% if with_first %%}%s{%% endif %%}")
    add(template, SECOND)
    relock(template, "schema.lock.jinja")
    begin(small)
    return small


@pytest.fixture
def service(small: Path, tmp_path: Path) -> Path:
    """A service that was rendered from it."""
    service = tmp_path / "service"
    run_copy(str(small), service, vcs_ref="HEAD", unsafe=True, quiet=True, defaults=True)
    begin(service)
    return service


def add(folder: Path, label: str, name: str = "%s") -> None:
    for kind in ("up", "down"):
        (folder / "migrations" / (name % f"{label}.{kind}.sql")).write_text(f"-- {label} {kind}\n")


def relock(folder: Path, name: str = "schema.lock") -> None:
    """Write what the checker would; the line of what is on a condition is on it, too."""
    lines = {}
    for up in (folder / "migrations").glob("*.up.sql*"):
        [label] = re.findall(r"\d+_\w+", up.name)
        line = f"{label} {hashlib.sha256(up.read_bytes()).hexdigest()}\n"
        lines[label] = up.name.replace(f"{label}.up.sql", line)
    (folder / "sql").mkdir(exist_ok=True)
    (folder / "sql" / name).write_text("".join(lines[label] for label in sorted(lines)))


def labels(service: Path) -> list[str]:
    return sorted(up.name[:-7] for up in (service / "migrations").glob("*.up.sql"))


def listed(service: Path) -> list[str]:
    return [line.split()[0] for line in (service / LOCK).read_text().splitlines()]


def update(
    service: Path, *, conflict: Literal["inline", "rej"] = "inline", **answers: bool
) -> None:
    run_update(
        service,
        answers,
        vcs_ref="HEAD",
        conflict=conflict,
        defaults=True,
        unsafe=True,
        quiet=True,
        overwrite=True,
    )


@pytest.mark.parametrize(
    ("before", "new", "changed"),
    [
        ([10], [20, 30], {}),
        ([10, 40], [20, 30], {20: 100, 30: 101}),
        ([10, 40], [20, 50], {20: 100, 50: 101}),
        ([10, 40], [20, 200], {20: 100}),
        ([10, 900], [20, 30], {20: 901, 30: 902}),
        ([10, 20], [20], {20: 100}),
        ([], [20], {}),
    ],
    ids=[
        "later than all before",
        "earlier than the last",
        "in between",
        "later than now",
        "with one of the future",
        "of the same time",
        "none before",
    ],
)
def test_what_is_new_comes_last_and_in_its_own_order(
    before: list[int], new: list[int], changed: dict[int, int]
) -> None:
    old, added = {f"{each}_ours" for each in before}, {f"{each}_theirs" for each in new}

    found = later_versions(old, old | added, now=100)

    assert found == {f"{each}_theirs": version for each, version in changed.items()}


@pytest.mark.parametrize("conflict", ["inline", "rej"])
def test_a_new_migration_takes_its_place_and_keeps_it(
    small: Path,
    service: Path,
    conflict: Literal["inline", "rej"],
    capfd: pytest.CaptureFixture[str],
) -> None:
    add(service, OURS)
    relock(service)
    commit(service, "Add a migration")
    add(small / "template", THIRD)
    relock(small / "template", "schema.lock.jinja")
    commit(small, "Add a migration, too")

    update(service, conflict=conflict)

    after = "20991231000001_third"
    assert labels(service) == listed(service) == [FIRST, SECOND, OURS, after]
    assert (service / "migrations" / f"{after}.down.sql").read_text() == f"-- {THIRD} down\n"
    assert unmerged(service) == set()
    assert not list(service.rglob("*.rej"))
    assert (
        f"migrations/{THIRD}.up.sql is migrations/{after}.up.sql here: it comes after your own "
        "migrations, which databases have run.\n" in capfd.readouterr().err
    )

    commit(service, "Update")
    update(service)
    assert git("status", "--porcelain", cwd=service) == ""

    add(small / "template", "21000101000000_fourth")
    relock(small / "template", "schema.lock.jinja")
    commit(small, "Add another migration")
    update(service)
    assert labels(service) == listed(service)
    assert labels(service)[3:] == [after, "21000101000000_fourth"]
    assert unmerged(service) == set()


def test_one_that_is_no_longer_the_templates_stays(
    service: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    update(service, with_first=False)

    assert labels(service) == listed(service) == [FIRST, SECOND]
    assert (service / "migrations" / f"{FIRST}.down.sql").exists()
    assert f"migrations/{FIRST}.up.sql is no longer part of the template" in capfd.readouterr().err


def test_a_snapshot_of_other_migrations_does_not_become_one_of_these(
    small: Path, service: Path
) -> None:
    add(service, OURS)
    commit(service, "Add a migration, and forget to run `app sql prepare`")
    add(small / "template", THIRD)
    relock(small / "template", "schema.lock.jinja")
    commit(small, "Add a migration, too")

    update(service)

    assert listed(service) == [FIRST, SECOND]
    assert OURS in labels(service)
