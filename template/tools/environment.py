"""The environment of a checkout: secrets made on first use, and what runs beside the service."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from app import settings
from app.cli.failure import failing_on
from app.cli.initialise import make_missing
from app.db import migrations
from app.db.migrations import MigrationError
from app.ratelimit import STAND_INS
from app.settings import Settings, SettingsError
from tools import postgres, ratelimit_backend

DATA: Final = Path(".postgres") / "development"
DATABASE: Final = "development"
_ERRORS: Final = (postgres.PostgresError, ratelimit_backend.BackendError, SettingsError)
PROVIDED: Final = frozenset({"database_url", *STAND_INS})
"""The settings that a checkout need not say."""


@contextmanager
def development(missing: frozenset[str]) -> Iterator[Settings]:
    """The settings of a checkout that does not say these: what they name is of its own, and runs at
    least until the end of the block.
    """
    with failing_on(MigrationError):
        migrations.load()  # before anything is made in what may be another folder
    make_missing()
    given: dict[str, str] = {}
    with failing_on(*_ERRORS), ExitStack() as stack:
        if "database_url" in missing:
            server = stack.enter_context(postgres.running(DATA))
            asyncio.run(postgres.ensure_database(server, DATABASE))
            given["database_url"] = server.dsn(DATABASE)
        if STAND_INS.keys() & missing:
            given |= stack.enter_context(ratelimit_backend.development())
        yield settings.load(**given)
