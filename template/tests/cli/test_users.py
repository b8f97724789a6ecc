"""`app users`: accounts, from the command line."""

import asyncio
import json
from typing import Any

import argon2
import asyncpg
import pytest

from tests.support.workspace import Run
from tools.databases import TestDatabase

PASSWORD = "correct horse battery staple"


def fetch(database: TestDatabase, sql: str, *arguments: object) -> Any:
    async def read() -> Any:
        connection = await asyncpg.connect(database.dsn)
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(read())


def role(database: TestDatabase, email: str) -> Any:
    return fetch(database, "SELECT role FROM users WHERE email = $1", email)


def begin_session(database: TestDatabase, email: str = "ada@example.com") -> None:
    fetch(
        database,
        "INSERT INTO sessions (user_id, expires_at) "
        "SELECT id, now() + interval '1 day' FROM users WHERE email = $1",
        email,
    )


def sessions(database: TestDatabase) -> int:
    return int(fetch(database, "SELECT count(*) FROM sessions"))


def create(run: Run, *options: str, email: str = "ada@example.com") -> int:
    return run("users", "create", email, "--name", "Ada", *options, stdin=f"{PASSWORD}\n").code


def test_create_makes_a_user(configured: Run, database: TestDatabase) -> None:
    result = configured(
        "users", "create", "ada@example.com", "--name", "Ada", stdin=f"{PASSWORD}\n"
    )

    assert result.code == 0
    assert result.stdout.startswith("created ada@example.com, id ")
    assert role(database, "ada@example.com") == "user"


def test_create_makes_an_administrator(configured: Run, database: TestDatabase) -> None:
    assert create(configured, "--admin") == 0
    assert role(database, "ada@example.com") == "admin"


def test_create_prints_no_password(configured: Run) -> None:
    result = configured(
        "users", "create", "ada@example.com", "--name", "Ada", stdin=f"{PASSWORD}\n"
    )

    assert PASSWORD not in result.stdout + result.stderr


def test_create_refuses_an_address_that_is_taken(configured: Run) -> None:
    create(configured)

    result = configured(
        "users", "create", "ADA@example.com", "--name", "Ada", stdin=f"{PASSWORD}\n"
    )

    assert result.code == 1
    assert result.stderr == "error: There is an account with this e-mail address already.\n"


@pytest.mark.parametrize(
    ("email", "name", "password", "field"),
    [
        ("nobody", "Ada", PASSWORD, "email"),
        ("ada@example.com", "", PASSWORD, "name"),
        ("ada@example.com", "Ada", "too short", "password"),
        ("ada@example.com", "Ada", "", "password"),
        ("ada@example.com", "Ada", "x" * 129, "password"),
    ],
)
def test_create_refuses_what_the_api_refuses(
    configured: Run, database: TestDatabase, email: str, name: str, password: str, field: str
) -> None:
    result = configured("users", "create", email, "--name", name, stdin=f"{password}\n")

    assert result.code == 1
    assert result.stderr.startswith(f"error: {field}: ")
    assert not password or password not in result.stderr
    assert role(database, email) is None


def test_promote_makes_an_administrator(configured: Run, database: TestDatabase) -> None:
    create(configured)

    result = configured("users", "promote", "Ada@Example.com")

    assert result.code == 0
    assert result.stdout == "Ada@Example.com is an administrator\n"
    assert role(database, "ada@example.com") == "admin"


def test_promote_revokes_sessions_as_the_api_does(configured: Run, database: TestDatabase) -> None:
    create(configured)
    begin_session(database)

    configured("users", "promote", "ada@example.com")

    assert sessions(database) == 0


def test_promote_of_an_administrator_revokes_nothing(
    configured: Run, database: TestDatabase
) -> None:
    create(configured, "--admin")
    begin_session(database)

    assert configured("users", "promote", "ada@example.com").code == 0

    assert sessions(database) == 1


def test_demote_makes_an_ordinary_user_and_revokes_sessions(
    configured: Run, database: TestDatabase
) -> None:
    create(configured, "--admin")
    create(configured, "--admin", email="bob@example.com")
    begin_session(database)

    result = configured("users", "demote", "ada@example.com")

    assert (result.code, result.stdout) == (0, "ada@example.com is no administrator\n")
    assert role(database, "ada@example.com") == "user"
    assert sessions(database) == 0


def test_deactivate_locks_an_account_until_it_is_activated(
    configured: Run, database: TestDatabase
) -> None:
    create(configured)
    begin_session(database)

    result = configured("users", "deactivate", "ada@example.com")

    assert (result.code, result.stdout) == (0, "ada@example.com is deactivated\n")
    assert fetch(database, "SELECT is_active FROM users") is False
    assert sessions(database) == 0

    result = configured("users", "activate", "ada@example.com")

    assert (result.code, result.stdout) == (0, "ada@example.com is active\n")
    assert fetch(database, "SELECT is_active FROM users") is True


@pytest.mark.parametrize("command", ["demote", "deactivate"])
def test_the_last_administrator_can_not_be_lost(
    configured: Run, database: TestDatabase, command: str
) -> None:
    create(configured, "--admin")

    result = configured("users", command, "ada@example.com")

    assert result.code == 1
    assert result.stderr == ("error: This is the last administrator: appoint another one first.\n")
    assert fetch(database, "SELECT role = 'admin' AND is_active FROM users") is True


def test_set_password_replaces_the_password_and_revokes_sessions(
    configured: Run, database: TestDatabase
) -> None:
    create(configured)
    before = fetch(database, "SELECT password_hash FROM users")
    begin_session(database)

    result = configured("users", "set-password", "ada@example.com", stdin="another long password\n")

    assert (result.code, result.stdout) == (0, "ada@example.com has a new password\n")
    after = fetch(database, "SELECT password_hash FROM users")
    assert after != before
    assert argon2.PasswordHasher().verify(after, "another long password")
    assert sessions(database) == 0


@pytest.mark.parametrize("password", ["", "too short", "x" * 129])
def test_set_password_refuses_what_the_api_refuses(
    configured: Run, database: TestDatabase, password: str
) -> None:
    create(configured)
    before = fetch(database, "SELECT password_hash FROM users")

    result = configured("users", "set-password", "ada@example.com", stdin=f"{password}\n")

    assert result.code == 1
    assert result.stderr.startswith("error: password: ")
    assert not password or password not in result.stderr
    assert fetch(database, "SELECT password_hash FROM users") == before


def test_list_shows_everybody_the_newest_first(
    configured: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.users._PAGE", 2)
    create(configured, "--admin")
    for name in ("bob", "cy"):
        create(configured, email=f"{name}@example.com")
    configured("users", "deactivate", "bob@example.com")

    result = configured("users", "list")

    assert result.code == 0
    assert [line.split()[1:] for line in result.stdout.splitlines()] == [
        ["user", "active", "cy@example.com", "Ada"],
        ["user", "deactivated", "bob@example.com", "Ada"],
        ["admin", "active", "ada@example.com", "Ada"],
    ]


def test_list_of_nobody_is_empty(configured: Run) -> None:
    result = configured("users", "list")

    assert (result.code, result.stdout) == (0, "")


@pytest.mark.parametrize("command", ["promote", "demote", "deactivate", "activate", "set-password"])
def test_an_unknown_user_is_a_sentence(configured: Run, command: str) -> None:
    result = configured("users", command, "nobody@example.com", stdin=f"{PASSWORD}\n")

    assert result.code == 1
    assert result.stderr == (
        "error: there is no user nobody@example.com: `app users create` makes one\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [["create", "a@example.com", "--name", "A"], ["promote", "a"], ["list"], ["set-password", "a"]],
)
def test_a_database_without_the_schema_is_a_sentence(
    configured: Run,
    empty_database: str,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)

    result = configured("users", *arguments, stdin=f"{PASSWORD}\n")

    assert result.code == 1
    assert result.stderr.startswith("error: ")
    assert "app db migrate" in result.stderr


@pytest.mark.parametrize("password", ["password1234", "Ada@Example.com", "too short"])
def test_the_rules_for_passwords_are_those_of_the_api(configured: Run, password: str) -> None:
    created = configured(
        "users", "create", "ada@example.com", "--name", "Ada", stdin=f"{password}\n"
    )
    create(configured)
    changed = configured("users", "set-password", "ada@example.com", stdin=f"{password}\n")

    for result in (created, changed):
        assert result.code == 1
        assert result.stderr.startswith("error: password: ")
        assert password not in result.stderr


def trail(stderr: str) -> list[dict[str, Any]]:
    """The audit trail's lines, without what every log line has."""
    lines = [json.loads(line) for line in stderr.splitlines()]
    return [
        {name: line[name] for name in line.keys() - {"timestamp", "level", "logger", "user_id"}}
        for line in lines
    ]


def test_what_was_done_is_in_the_audit_trail(configured: Run) -> None:
    done = [
        configured("users", "create", "ada@example.com", "--name", "Ada", stdin=f"{PASSWORD}\n"),
        configured("users", "deactivate", "ada@example.com"),
        configured("users", "activate", "ada@example.com"),
        configured("users", "promote", "ada@example.com"),
        configured("users", "set-password", "ada@example.com", stdin="a new long password\n"),
    ]

    by = {"actor": "command_line"}
    assert [line for result in done for line in trail(result.stderr)] == [
        {"message": "audit.registered", "role": "user", **by},
        {"message": "audit.deactivated", **by},
        {"message": "audit.reactivated", **by},
        {"message": "audit.role_changed", "role": "admin", "previous_role": "user", **by},
        {"message": "audit.password_changed", **by},
    ]


def test_what_was_not_done_is_not_in_the_audit_trail(configured: Run) -> None:
    create(configured, "--admin")

    again = configured("users", "promote", "ada@example.com")
    refused = configured("users", "demote", "ada@example.com")

    assert again.stderr == ""
    assert refused.stderr.startswith("error: ")
