"""A fresh database for each test: a copy of one that the migrations have been applied to.

To make a copy is to make some 300 files, which takes as long as a test. So one in which a test has
left nothing but rows is emptied and lent to another, under another name.

The server is the one that TEST_DATABASE_URL names, by a user who may create databases, or else an
embedded one whose data stays in ``.postgres/tests``.
"""

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from app import about
from app.db import Connection, migrations
from tools import postgres
from tools.restoring import State

PREFIX: Final = about.NAME.replace("-", "_")
"""What the names of all of them begin with."""
_DATA: Final = Path(".postgres") / "tests"
_TEMPLATES: Final = f"^{PREFIX}_template_[0-9a-f]{{16}}$"
_COPIES: Final = f"^{PREFIX}_test_([0-9]+)_[0-9a-f]{{8}}$"
"""With the process number of the session that a copy belongs to."""
_MAX_NAME: Final = 63
"""PostgreSQL cuts longer names off (chapter 4.1.1)."""


@contextmanager
def server() -> Iterator[str]:
    """The address of a server's maintenance database."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with postgres.running(_DATA, postgres.FAST_AND_UNSAFE) as embedded:
        yield embedded.dsn("postgres")


def dsn(server_dsn: str, database: str) -> str:
    """The address of another database on the same server."""
    return urlsplit(server_dsn)._replace(path=f"/{database}").geturl()


async def migrated_template(admin: Connection, server_dsn: str) -> str:
    """The name of a database with every migration applied, made by the first who asks for it.

    It stays for as long as the connection does, and so do the copies made through it. What others
    have left behind who are gone is removed.
    """
    name = f"{PREFIX}_template_{migrations.digest()[:16]}"
    # Held for as long as it takes: the other workers of a parallel run wait here.
    await admin.execute("SELECT pg_advisory_lock($1)", _key(f"{PREFIX}_templates"))
    try:
        await admin.execute("SELECT pg_advisory_lock_shared($1)", _key(name))
        await _drop_abandoned_copies(admin)
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await _drop_unused_templates(admin)
            await _make_template(admin, server_dsn, name)
    finally:
        await admin.execute("SELECT pg_advisory_unlock($1)", _key(f"{PREFIX}_templates"))
    return name


@dataclass(slots=True)
class TestDatabase:
    """A database of one test's own."""

    __test__ = False

    name: str
    dsn: str
    keep_as: str | None = None
    """Where set, the database is kept under this name at the end of the test."""

    def keep_for(self, test: str) -> str:
        """Keep the database for somebody to look at, until the same test fails again."""
        readable = re.sub("[^a-z0-9]+", "_", test.lower())
        digest = hashlib.sha256(test.encode()).hexdigest()[:8]
        prefix = f"{PREFIX}_failed_{digest}_"
        # The end says most: the test's own name, and the case.
        self.keep_as = prefix + readable[-(_MAX_NAME - len(prefix)) :]
        return self.keep_as


@asynccontextmanager
async def fresh_database(
    admin: Connection, server_dsn: str, template: str = "template0"
) -> AsyncIterator[TestDatabase]:
    """A copy of ``template`` that is dropped at the end."""
    database = await _copy(admin, server_dsn, template)
    try:
        yield database
    finally:
        await _put_away(admin, database)


class Copies:
    """Copies of a template, lent to one test after the other."""

    def __init__(
        self, admin: Connection, server_dsn: str, template: str, first: TestDatabase, start: State
    ) -> None:
        self._admin = admin
        self._server_dsn = server_dsn
        self._template = template
        self._free = [first]
        self._start = start

    @classmethod
    @asynccontextmanager
    async def of(cls, template: str, admin: Connection, server_dsn: str) -> AsyncIterator["Copies"]:
        """They are dropped at the end."""
        first = await _copy(admin, server_dsn, template)
        # Not the template's: while somebody is connected to that, nobody can copy it.
        start = await State.of(first.dsn)
        copies = cls(admin, server_dsn, template, first, start)
        yield copies
        for database in copies._free:
            await _put_away(admin, database)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[TestDatabase]:
        """A database that is as the template, and of a name that nobody has known before."""
        if not self._free:
            self._free.append(await _copy(self._admin, self._server_dsn, self._template))
        database = self._free.pop()
        try:
            yield database
        finally:
            await self._take_back(database)

    async def _take_back(self, database: TestDatabase) -> None:
        if not database.keep_as and await self._admin.fetchval(_AS_CREATED, database.name):
            database = await self._renamed(database)
            if await self._start.restore(database.dsn):
                self._free.append(database)
                return
        await _put_away(self._admin, database)

    async def _renamed(self, database: TestDatabase) -> TestDatabase:
        """The same, out of reach of all who know it."""
        name = _new_name(self._admin)
        await self._admin.execute(_END_SESSIONS, database.name)
        await self._admin.execute(f'ALTER DATABASE "{database.name}" RENAME TO "{name}"')
        return TestDatabase(name, dsn(self._server_dsn, name))


_AS_CREATED: Final = """
    SELECT datallowconn AND datconnlimit = -1 AND datacl IS NULL
        AND NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = pg_database.oid)
    FROM pg_database WHERE datname = $1
"""
_END_SESSIONS: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = $1 AND backend_type = 'client backend'
"""


async def _copy(admin: Connection, server_dsn: str, template: str) -> TestDatabase:
    name = _new_name(admin)
    # WAL_LOG copies pages rather than files: no checkpoint, so faster for a small database.
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY WAL_LOG')
    return TestDatabase(name, dsn(server_dsn, name))


async def _put_away(admin: Connection, database: TestDatabase) -> None:
    if database.keep_as:
        await admin.execute(f'DROP DATABASE IF EXISTS "{database.keep_as}" WITH (FORCE)')
        await admin.execute(f'ALTER DATABASE "{database.name}" RENAME TO "{database.keep_as}"')
    else:
        await admin.execute(f'DROP DATABASE "{database.name}" WITH (FORCE)')


def _new_name(admin: Connection) -> str:
    return f"{PREFIX}_test_{admin.get_server_pid()}_{secrets.token_hex(4)}"


async def _make_template(admin: Connection, server_dsn: str, name: str) -> None:
    # Under another name until it is whole, so that an interrupted run leaves nothing half-made.
    draft = f"{PREFIX}_draft"
    await admin.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
    await admin.execute(f'CREATE DATABASE "{draft}" TEMPLATE template0')
    connection = await asyncpg.connect(dsn(server_dsn, draft))
    try:
        await migrations.migrate(connection)
    finally:
        await connection.close()
    await admin.execute(f'ALTER DATABASE "{draft}" RENAME TO "{name}"')


async def _drop_unused_templates(admin: Connection) -> None:
    """Drop the templates of other migrations, but for those that somebody is about to copy."""
    for name in await _named(admin, _TEMPLATES):
        if await admin.fetchval("SELECT pg_try_advisory_lock($1)", _key(name)):
            await admin.execute(f'DROP DATABASE "{name}"')
            await admin.execute("SELECT pg_advisory_unlock($1)", _key(name))


async def _drop_abandoned_copies(admin: Connection) -> None:
    """Drop the copies whose session has ended without dropping them: killed, perhaps."""
    rows = await admin.fetch("SELECT pid FROM pg_stat_activity")
    sessions = {str(row["pid"]) for row in rows}
    for name in await _named(admin, _COPIES):
        if name.split("_")[-2] not in sessions:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _named(admin: Connection, pattern: str) -> list[str]:
    """The databases whose names match."""
    rows = await admin.fetch("SELECT datname FROM pg_database WHERE datname ~ $1", pattern)
    return [row["datname"] for row in rows]


def _key(name: str) -> int:
    """A key for PostgreSQL's advisory locks (chapter 13.3.5)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
