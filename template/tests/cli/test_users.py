"""`app users`: accounts, from the command line."""

import asyncio

import asyncpg
import pytest

from tests.support.workspace import Run
from tools.databases import TestDatabase

PASSWORD = "correct horse battery staple"


def role(database: TestDatabase, email: str) -> str | None:
    async def read() -> str | None:
        connection = await asyncpg.connect(database.dsn)
        try:
            found: str | None = await connection.fetchval(
                "SELECT role FROM users WHERE email = $1", email
            )
        finally:
            await connection.close()
        return found

    return asyncio.run(read())


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


def test_promote_says_that_there_is_nobody(configured: Run) -> None:
    result = configured("users", "promote", "nobody@example.com")

    assert result.code == 1
    assert result.stderr == (
        "error: there is no user nobody@example.com: `app users create` makes one\n"
    )


@pytest.mark.parametrize(
    "arguments", [["create", "a@example.com", "--name", "A"], ["promote", "a"]]
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
