"""What commands share: the settings they run with, and how they run."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeVar

from app import settings
from app.cli.failure import Failure, failing_on
from app.db import UNAVAILABLE, Connection, connect, migrations
from app.db.migrations import MigrationError
from app.settings import Settings, SettingsError

T = TypeVar("T")


@contextmanager
def configured() -> Iterator[Settings]:
    """The settings. In a checkout with no DATABASE_URL, those of the embedded database, which runs
    at least until the end of the block.
    """
    with failing_on(SettingsError):
        try:
            found = settings.load()
        except SettingsError as error:
            if "database_url" not in error.missing or not find_spec("tools"):
                raise
            found = None
    if found is not None:
        yield found
        return

    from tools import environment

    with environment.development() as found:
        yield found


def run(work: Coroutine[None, None, T]) -> T:
    """Run a command's work. What the database or a migration can run into ends the command."""
    with failing_on(*UNAVAILABLE, MigrationError):
        return asyncio.run(work)


def run_connected(work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run a command's work on a connection of its own."""

    async def connected(found: Settings) -> T:
        connection = await connect(found.database)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with configured() as found:
        return run(connected(found))


async def require_schema(connection: Connection) -> None:
    """Raises `Failure` where the database's schema is behind this release."""
    found = await migrations.status(connection)
    pending = [entry.migration.label for entry in found if not entry.applied_at]
    if pending:
        raise Failure(f"the database lacks {', '.join(pending)}: run `app db migrate` first")
