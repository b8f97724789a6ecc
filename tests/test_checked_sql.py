"""The SQL checker, where it needs more than a service's own suite has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import older_postgresql
from tests.conftest import Render, check, check_tests, git


@pytest.fixture(params=sorted(older_postgresql.WHEELS))
def older_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server older than the one that services are developed on."""
    version = request.param
    if older_postgresql.is_missing(version):
        pytest.skip(f"there is no wheel with PostgreSQL {version} for this machine")
    with older_postgresql.running(version) as address:
        yield address


@pytest.mark.slow
def test_queries_are_checked_on_older_servers(
    older_server: str, render: Render, tools: Path
) -> None:
    service = render({"id_type": "bigserial"})  # uuidv7() came with PostgreSQL 18
    app = (tools / "python", "-m", "app")
    pytest = (tools / "python", "-m", "pytest", "--quiet")
    there = {"TEST_DATABASE_URL": older_server}
    check_tests(*app, "sql", "check", "--live", "--plans", cwd=service, **there)
    # The commands have the same tests on any server; what they find has not.
    commands = "--ignore=tests/tools/checker/test_commands.py"
    check_tests(*pytest, "tests/tools/sql", "tests/tools/checker", commands, cwd=service, **there)


@pytest.mark.slow
def test_no_null_comes_out_of_ten_thousand_queries(render: Render, tools: Path) -> None:
    pytest = (tools / "python", "-m", "pytest", "--quiet")
    check_tests(*pytest, "-m", "slow", "tests/tools/sql", cwd=render({}))


def test_branches_that_each_add_a_query_merge(render: Render, tools: Path) -> None:
    service = render({})
    git("init", "--quiet", "--initial-branch=main", cwd=service)
    git("add", "--all", cwd=service)
    git("commit", "--quiet", "--message=Begin", cwd=service)
    for day, branch in enumerate(("count", "newest"), 1):
        git("switch", "--quiet", "--create", branch, "main", cwd=service)
        add_domain(service, branch, day)
        check(tools / "python", "-m", "app", "sql", "prepare", cwd=service)
        git("add", "--all", cwd=service)
        git("commit", "--quiet", f"--message=Add {branch}", cwd=service)

    git("merge", "--quiet", "--no-edit", "count", cwd=service)  # fails where anything conflicts

    assert {path.name for path in (service / "sql").iterdir()} > {
        "count.find.json",
        "newest.find.json",
    }
    check(tools / "python", "-m", "app", "sql", "check", cwd=service)
    check(tools / "python", "-m", "app", "sql", "check", "--live", cwd=service)


def add_domain(service: Path, name: str, day: int) -> None:
    """Add a table and a query of it."""
    migration = service / "migrations" / f"209901{day:02}000000_{name}"
    migration.with_suffix(".up.sql").write_text(f"CREATE TABLE {name} (id bigint NOT NULL);\n")
    migration.with_suffix(".down.sql").write_text(f"DROP TABLE {name};\n")
    folder = service / "app" / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "queries.py").write_text(
        "from app.db import Db, query\n\n\n"
        f'@query("TABLE {name}")\nasync def find(db: Db) -> list[int]: ...\n'
    )
