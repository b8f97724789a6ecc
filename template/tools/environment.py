"""The environment of a checkout: secrets made on first use, and an embedded database."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app import settings
from app.cli.failure import failing_on
from app.cli.initialise import make_missing
from app.settings import Settings
from tools import postgres

DATA: Final = Path(".postgres") / "development"
DATABASE: Final = "development"


@contextmanager
def development() -> Iterator[Settings]:
    """The settings of a checkout that says nothing of a database: one of its own, which runs at
    least until the end of the block.
    """
    make_missing()
    with failing_on(postgres.PostgresError), postgres.running(DATA) as server:
        asyncio.run(postgres.ensure_database(server, DATABASE))
        yield settings.load(database_url=server.dsn(DATABASE))
