"""What commands share: the settings they run with, and how they run."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeVar

from app import settings
from app.cli.failure import Failure, failing_on
from app.db import UNAVAILABLE, Connection, connect, migrations
from app.db.migrations import MigrationError
from app.ops import logging
from app.settings import Settings, SettingsError

T = TypeVar("T")


@contextmanager
def configured() -> Iterator[Settings]:
    """The settings. In a checkout with no DATABASE_URL, those of the embedded database, which runs
    at least until the end of the block; and so for whatever else a checkout can provide.

    Logs go to standard error, beside what the command prints.
    """
    with _settings() as found:
        logging.configure(found.log_level, found.log_format, sys.stderr)
        yield found


@contextmanager
def _settings() -> Iterator[Settings]:
    missing: frozenset[str] = frozenset()
    with failing_on(SettingsError):
        try:
            found = settings.load()
        except SettingsError as error:
            missing = _provided() & error.missing
            if not missing:
                raise
    if not missing:
        yield found
        return

    from tools import environment

    with environment.development(missing) as found:
        yield found


def _provided() -> frozenset[str]:
    """The settings that need not be given here: none in production, where there are no tools."""
    if not find_spec("tools"):
        return frozenset()

    from tools import environment

    return environment.PROVIDED


def run(work: Coroutine[None, None, T]) -> T:
    """Run a command's work. What the database or a migration can run into ends the command."""
    with failing_on(*UNAVAILABLE, MigrationError):
        return asyncio.run(work)


def run_connected(work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run a command's work on a connection of its own."""
    with configured() as found:
        return run(_connected(found, work))


def run_migrating(work: Callable[[Connection], Awaitable[T]]) -> T:
    """As `run_connected`, for work that must not go through a pooler."""
    with configured() as found:
        require_session(found)
        return run(_connected(found, work))


def require_session(found: Settings) -> None:
    """Raises `Failure` where a pooler would give each transaction another session: migrations hold
    a lock in theirs.
    """
    if found.database_behind_pooler:
        raise Failure(
            "migrations need a session of their own, which a pooler does not give: name the "
            "database itself in DATABASE_URL and unset DATABASE_BEHIND_POOLER for this command"
        )


async def _connected(found: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    connection = await connect(found.database)
    try:
        return await work(connection)
    finally:
        await connection.close()


async def require_schema(connection: Connection) -> None:
    """Raises `Failure` where the database's schema is behind this release."""
    found = await migrations.status(connection)
    pending = [entry.migration.label for entry in found if not entry.applied_at]
    if pending:
        raise Failure(f"the database lacks {', '.join(pending)}: run `app db migrate` first")
