"""Services of each release update to the present, with all that is their users'.

What becomes of edits to files that the template renames or deletes is in test_carried_edits.py, and
of answers that change in test_switched_answers.py.
"""

import os
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from subprocess import PIPE
from typing import Final

import pytest

from slipway import ROOT, environment
from tests.conftest import Render, check_tests, files_in, git, printed
from tests.test_suites import left_out
from tests.updates import (
    RELEASES,
    answers_at,
    asked_since,
    begin,
    commit,
    edit,
    render_at,
    require_history,
    tree,
    unmerged,
    update_here,
)
from tests.variants import VARIANTS, Variant, with_check

OURS: Final = ROOT / "tests" / "ours"
"""A domain of a user's own: a table with a row, a later migration, a query, a route, a test."""

PRIVATE: Final = {".env": "LOG_LEVEL=debug\n", "secrets/deploy_key": "Ours\n"}
"""What git doesn't have."""

POOL: Final = "database_pool_max_size: int = Field({},"
SHOWN: Final = "#DATABASE_POOL_MAX_SIZE={}\n"

MARK: Final = "\n# Ours, in {}\n"
"""An edit to a file that is gone since."""

QUICK: Final = (
    "--numprocesses=0",
    "tests/api/test_my_account.py",
    "tests/api/test_profiles.py",
    "tests/test_orders.py",
)
"""What services in use are tested with: all else of them is what is rendered today."""

EVERY_UPDATE: Final = bool(os.environ.get("SLIPWAY_EVERY_UPDATE"))
"""Whether each variant is updated from each release, as in the workflow: it has many machines."""

BY_ONE_COMMAND: Final = VARIANTS if EVERY_UPDATE else with_check("updated")
"""Those whose whole suite runs. All take an hour of one machine."""

SERVER: Final = """
import sys
from tools import databases

with databases.server() as address:
    print(address, flush=True)
    sys.stdin.read()
"""
"""A program that runs a service's test server until its input ends."""

COMMANDS: Final = """
import shlex, sys
from app.cli import app

for command in sys.argv[1:]:
    app(shlex.split(command), standalone_mode=False)
"""
"""A program that runs commands of a service, one after the other."""

DATABASE: Final = """
import asyncio, secrets, sys
from urllib.parse import urlsplit
import asyncpg

async def create(server, name):
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    print(urlsplit(server)._replace(path=f"/{name}").geturl())

asyncio.run(create(sys.argv[1], f"used_{secrets.token_hex(4)}"))
"""
"""A program that makes an empty database on a server."""

OLDEST, *LATER = RELEASES


def updated_from(variant: Variant) -> list[str]:
    """The releases that services of a variant are updated from: the oldest, and one of the later
    ones, which the variants share among them. However many there are, that takes as long.
    """
    if EVERY_UPDATE:
        return [OLDEST, *LATER]
    turn = VARIANTS.index(variant)
    turn += turn // len(LATER)  # else each would meet the same answers again and again
    return [OLDEST, LATER[turn % len(LATER)]]


def test_each_release_is_updated_from() -> None:
    assert {release for variant in VARIANTS for release in updated_from(variant)} == set(RELEASES)


def test_pristine_services_become_what_is_rendered_today(
    variant: Variant, service: Path, template: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    require_history(template)
    for version in updated_from(variant):
        with subtests.test(version):
            release = RELEASES[version]
            rendered, pristine = tmp_path / f"{version}-rendered", tmp_path / version
            then = answers_at(release, template, variant.answers)
            render_at(release, template, rendered, then)
            shutil.copytree(rendered, pristine)
            (pristine / "uv.lock").write_text("Ours\n")
            begin(pristine)

            update_here(pristine, asked_since(then, variant.answers), [rendered, service])

            assert (pristine / "uv.lock").read_text() == "Ours\n"
            (pristine / "uv.lock").unlink()
            assert tree(pristine) == tree(service)
            assert unmerged(pristine) == set()


@dataclass(frozen=True, slots=True)
class Used:
    """A service in use, and how its commands are run."""

    folder: Path
    program: Sequence[str | Path]
    """What takes a command's words; where they are to share a process, whole commands."""
    variables: Mapping[str, str] = field(default_factory=dict)
    at_once: bool = False

    def app(self, *commands: str, stdin: str = "", **variables: str) -> str:
        """Run some of the service's own commands, and return what they print."""
        words = [commands] if self.at_once else map(shlex.split, commands)
        return "".join(self._run([*self.program, *each], stdin, variables) for each in words)

    def _run(self, command: Sequence[str | Path], stdin: str, variables: Mapping[str, str]) -> str:
        # What this pytest tells its children is not meant for another one.
        own = {key: value for key, value in environment().items() if not key.startswith("PYTEST_")}
        return printed(command, self.folder, {**own, **self.variables, **variables}, stdin)


@pytest.fixture(scope="module")
def server(render: Render, tools: Path) -> Iterator[str]:
    """The address of a server that services share, so that none starts one for each command."""
    with subprocess.Popen(
        [tools / "python", "-c", SERVER], cwd=render({}), stdin=PIPE, stdout=PIPE, text=True
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()


def test_services_in_use_keep_what_is_their_users(
    variant: Variant,
    service: Path,
    template: Path,
    tools: Path,
    server: str,
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    """In one environment, on one server, by Copier in this process: all that saves time.

    That what users type does the same, is the next test.
    """
    require_history(template)
    for version in updated_from(variant):
        with subtests.test(version):
            release = RELEASES[version]
            rendered, folder = tmp_path / f"{version}-rendered", tmp_path / version
            then = answers_at(release, template, variant.answers)
            render_at(release, template, rendered, then)
            shutil.copytree(rendered, folder)
            addresses = {"TEST_DATABASE_URL": server, "DATABASE_URL": new_database(tools, server)}
            used = Used(folder, (tools / "python", "-c", COMMANDS), addresses, at_once=True)

            gone = take_into_use(used, service)
            (folder / "uv.lock").write_text("Ours\n")
            commit(folder, "Lock")
            migrations = migrations_of(folder)
            update_here(folder, asked_since(then, variant.answers), [rendered, service])

            assert (folder / "uv.lock").read_text() == "Ours\n"
            all_is_there(used, service, gone, migrations)
    # Whatever the release, it is the same by now.
    check_tests(tools / "python", "-m", "pytest", *QUICK, cwd=folder, **addresses)
    a_second_update_changes_nothing(folder, service)


@pytest.mark.suite
@pytest.mark.parametrize("variant", BY_ONE_COMMAND, ids=lambda variant: variant.name)
def test_one_command_brings_a_service_in_use_to_the_present(
    variant: Variant, template: Path, render: Render, uv: str, tmp_path: Path
) -> None:
    """From the oldest release."""
    require_history(template)
    service, release = tmp_path / "service", RELEASES[OLDEST]
    then = answers_at(release, template, variant.answers)
    render_at(release, template, service, then)
    # What is asked since then has its default.
    new = asked_since(then, variant.answers)
    today = render({key: answer for key, answer in variant.answers.items() if key not in new})
    used = Used(service, (uv, "run", "--quiet", "app"))
    gone = take_into_use(used, today)
    locked = versions(service)
    migrations = migrations_of(service)

    newest = git("rev-parse", "HEAD", cwd=template).strip()
    suite = " ".join(["--numprocesses=1", *left_out(variant)])
    said = used.app(f"template update --to={newest}", PYTEST_ADDOPTS=suite)

    assert all(f"{path} is " in said for path in gone)
    # The server that the suite has used, and its migrated template, are there.
    used.app("sql check --live --plans")
    assert locked.items() <= versions(service).items()
    all_is_there(used, today, gone, migrations)
    a_second_update_changes_nothing(service, today)


def take_into_use(used: Used, today: Path) -> set[str]:
    """Do what users do, and return the files that they have changed and that are gone since."""
    service = used.folder
    gone = {path for path in files_in(service) - files_in(today) if path.endswith(".py")}
    for path in gone:
        with (service / path).open("a") as file:
            file.write(MARK.format(path))
    make_ours(service)
    create = "users create ada@example.com --name=Ada"
    used.app("init", "sql prepare", "db migrate", create, stdin="a long secret")
    begin(service)
    for path, text in PRIVATE.items():
        (service / path).parent.mkdir(exist_ok=True)
        (service / path).write_text(text)
    return gone


def all_is_there(used: Used, today: Path, gone: set[str], migrations: set[str]) -> None:
    """The service is what is rendered today, with all that is its users': files and data."""
    service = used.folder
    assert unmerged(service) == set()
    assert not list(service.rglob("*.rej"))
    wanted = service.with_name(f"{service.name}-wanted")
    shutil.copytree(today, wanted)
    make_ours(wanted)
    come_after_ours(wanted, migrations_of(wanted) - migrations)
    its_files_are_todays_with_the_edits_kept(service, wanted, gone)
    assert {path: (service / path).read_text() for path in PRIVATE} == PRIVATE
    assert "ada@example.com" in used.app("db migrate", "users list", "sql check")


def new_database(tools: Path, server: str) -> str:
    """The address of a database of its own, on the server."""
    done = subprocess.run(
        [tools / "python", "-c", DATABASE, server], check=True, stdout=PIPE, text=True
    )
    return done.stdout.strip()


def versions(service: Path) -> dict[str, str | None]:
    """What is locked. Of a file that uv writes for new bounds, this is the user's."""
    packages = tomllib.loads((service / "uv.lock").read_text())["package"]
    return {package["name"]: package.get("version") for package in packages}


def migrations_of(service: Path) -> set[str]:
    """The labels of its migrations."""
    return {up.name.removesuffix(".up.sql") for up in (service / "migrations").glob("*.up.sql")}


def come_after_ours(wanted: Path, labels: set[str]) -> None:
    """Rename the template's migrations that are new to what they are in a service with ours."""
    for number, label in enumerate(sorted(labels), start=1):
        name = label.partition("_")[2]
        for kind in ("up", "down"):
            path = wanted / "migrations" / f"{label}.{kind}.sql"
            path.rename(path.with_name(f"{20991231000000 + number}_{name}.{kind}.sql"))


def its_files_are_todays_with_the_edits_kept(service: Path, wanted: Path, gone: set[str]) -> None:
    ours = {"uv.lock", "sql/orders.list_orders.json"}
    there = {path: (service / path).read_text() for path in in_git(service)}
    marks = [MARK.format(path) for path in gone]
    for mark in marks:
        assert sum(mark in text for text in there.values()) == 1, mark
    assert there.keys() - gone == files_in(wanted) | ours
    # What the snapshot was made of is checked by what made it.
    for path in files_in(wanted) - {"sql/schema.lock"}:
        text = reduce(lambda text, mark: text.replace(mark, ""), marks, there[path])
        assert text == (wanted / path).read_text(), path


def a_second_update_changes_nothing(service: Path, today: Path) -> None:
    commit(service, "Update")
    update_here(service, {}, [today])
    assert git("status", "--porcelain", cwd=service) == ""


def make_ours(service: Path) -> None:
    """Do what users do: change a handler, a default and texts, delete a file, add a domain.

    And keep the suite true of it.
    """
    routes = service / "app" / "users" / "routes.py"
    edit(routes, lambda text: text.replace("if profile is None:", "if not profile:"))
    settings = service / "app" / "settings.py"
    edit(settings, lambda text: text.replace(POOL.format(10), POOL.format(7)))
    edit(service / ".env.example", lambda text: text.replace(SHOWN.format(10), SHOWN.format(7)))
    edit(service / "app" / "about.py", lambda text: text.replace("0.1.0", "1.2.0"))
    edit(service / "README.md", lambda text: f"{text}\n## On call\n\nJane, then Joe.\n")
    (service / "monitoring" / "dashboard.json").unlink()
    monitored = service / "tests" / "ops" / "test_monitoring.py"
    edit(monitored, lambda text: text.replace("(alerts() | panels())", "alerts()"))

    shutil.copytree(OURS, service, dirs_exist_ok=True)
    api = service / "app" / "api.py"
    imported = "from app.orders import routes as orders\n"
    edit(api, lambda text: text.replace("from app.p", f"{imported}from app.p", 1))
    edit(api, lambda text: f"{text}router.include_router(orders.router)\n")


def in_git(service: Path) -> set[str]:
    """All files that are in git, or would be with the next commit."""
    gone = git("ls-files", "--deleted", cwd=service).splitlines()
    there = git("ls-files", "--cached", "--others", "--exclude-standard", cwd=service).splitlines()
    return set(there) - set(gone)
