"""Migrations: plain SQL files, applied in order, each once.

``<timestamp>_<name>.up.sql`` is applied in a transaction of its own, and undone by the
``.down.sql`` of the same name. A file whose first line is ``-- no-transaction`` holds one statement
that PostgreSQL refuses inside of one, such as CREATE INDEX CONCURRENTLY. What a file SETs ends with
it.

What has been applied stands in the table ``schema_migrations``, with a checksum of the file.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg

from app.db.pool import Connection

DIRECTORY: Final = Path("migrations")

_FILE_NAME: Final = re.compile(r"([0-9]{14})_([a-z0-9_]+)\.(up|down)\.sql")
_NO_TRANSACTION: Final = "-- no-transaction"
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_LOCK_KEY: Final = int.from_bytes(hashlib.sha256(b"schema_migrations").digest()[:8], signed=True)
"""One key for every service: advisory locks belong to a database, and each has one service."""
_POLL: Final = 0.1


class MigrationError(Exception):
    """A migration can't be applied or undone: names the file, and says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    up: Path
    down: Path

    @property
    def label(self) -> str:
        return f"{self.version}_{self.name}"

    def checksum(self) -> str:
        """SHA-256 of the up file, the same whatever the line endings of the checkout."""
        return hashlib.sha256(_read(self.up).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of ``schema_migrations``."""

    version: int
    description: str
    checksum: str
    applied_at: datetime

    @property
    def label(self) -> str:
        return f"{self.version}_{self.description}"


@dataclass(frozen=True, slots=True)
class Status:
    migration: Migration
    applied_at: datetime | None


Report = Callable[[Migration], None]
"""Told of each migration when it has been applied or undone."""


def load(directory: Path = DIRECTORY) -> list[Migration]:
    """Read the folder. Raises `MigrationError` for a file that has no place there."""
    if not directory.is_dir():
        raise MigrationError(f"there is no folder {directory}/: run this in the project's folder")
    migrations: dict[int, Migration] = {}
    for up in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(up.name)
        if match is None:
            raise MigrationError(
                f"{up}: name it <YYYYMMDDHHMMSS>_<name>.up.sql or .down.sql, as `app db new` does"
            )
        version, name, direction = int(match[1]), match[2], match[3]
        if direction == "down":
            _require(up.with_name(f"{match[1]}_{name}.up.sql"), "nothing to undo without it")
            continue
        down = up.with_name(f"{match[1]}_{name}.down.sql")
        _require(down, "write what undoes the migration; a comment where nothing can")
        if version in migrations:
            raise MigrationError(f"{up}: {migrations[version].up.name} has the same timestamp")
        migrations[version] = Migration(version, name, up, down)
    return [migrations[version] for version in sorted(migrations)]


def digest(directory: Path = DIRECTORY) -> str:
    """Identify the schema that the migrations make."""
    checksums = "".join(migration.checksum() for migration in load(directory))
    return hashlib.sha256(checksums.encode()).hexdigest()


def new(name: str, directory: Path = DIRECTORY) -> tuple[Path, Path]:
    """Make the files of a new migration, to be filled in."""
    up, down = new_paths(name, directory)
    up.write_text("", encoding="utf-8")
    down.write_text("", encoding="utf-8")
    return up, down


def new_paths(name: str, directory: Path = DIRECTORY) -> tuple[Path, Path]:
    """Where the files of a new migration belong. Raises `MigrationError`."""
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise MigrationError(f"{name!r}: use lower-case letters, digits and _, as in add_invoices")
    existing = load(directory)
    now = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
    version = max(now, existing[-1].version + 1 if existing else 0)
    stem = f"{version}_{name}"
    return directory / f"{stem}.up.sql", directory / f"{stem}.down.sql"


async def status(connection: Connection, directory: Path = DIRECTORY) -> list[Status]:
    """Every migration and when it was applied. Raises `MigrationError` where the files and the
    database contradict each other.
    """
    migrations = load(directory)
    applied = {row.version: row for row in await _applied(connection)}
    _compare(migrations, list(applied.values()))
    return [
        Status(migration, row.applied_at if (row := applied.get(migration.version)) else None)
        for migration in migrations
    ]


async def migrate(
    connection: Connection,
    directory: Path = DIRECTORY,
    *,
    turn_timeout: float = 60,
    lock_timeout: float = 5,
    report: Report = lambda _: None,
) -> list[Migration]:
    """Apply what has not been applied yet, and return it.

    Replicas that start together take turns, for which they wait ``turn_timeout`` seconds; one that
    finds nothing to do takes no lock. ``lock_timeout``, in seconds, is for each lock that a
    migration takes: whatever else wants the table queues behind it for as long. Raises
    `MigrationError`; what came before the migration that failed stays applied.
    """
    if not await _pending(connection, directory):
        return []
    async with _turn(connection, turn_timeout):
        await _make_table(connection)
        pending = await _pending(connection, directory)
        for migration in pending:
            _require_written(migration)
            await _apply(connection, migration, lock_timeout)
            report(migration)
    return pending


async def revert(
    connection: Connection,
    directory: Path = DIRECTORY,
    *,
    steps: int = 1,
    turn_timeout: float = 60,
    lock_timeout: float = 5,
    report: Report = lambda _: None,
) -> list[Migration]:
    """Undo the last ``steps`` migrations, the newest first, and return them.

    The rest is as with `migrate`.
    """
    async with _turn(connection, turn_timeout):
        found = await status(connection, directory)
        last = [entry.migration for entry in found if entry.applied_at][: -steps - 1 : -1]
        if last:
            await _require_newest(connection, last[0])
        for migration in last:
            await _undo(connection, migration, lock_timeout)
            report(migration)
    return last


_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version bigint PRIMARY KEY,
        description text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        duration interval NOT NULL
    )
"""


def _require(path: Path, reason: str) -> None:
    if not path.is_file():
        raise MigrationError(f"{path} is missing: {reason}")


def _require_written(migration: Migration) -> None:
    """Refuse what `new` has made and nobody has filled in: once applied, it can't be any more."""
    if not _has_statement(_read(migration.up)):
        raise MigrationError(f"{migration.up} holds no statement: write the migration")
    if not _read(migration.down).strip():
        raise MigrationError(
            f"{migration.down} is empty: write what undoes the migration; a comment where "
            "nothing can"
        )


async def _require_newest(connection: Connection, migration: Migration) -> None:
    newest = (await _applied(connection))[-1]
    if newest.version != migration.version:
        raise MigrationError(
            f"{newest.label} was applied by a newer release, and would be undone first: revert "
            "with the release that has its file"
        )


def _has_statement(sql: str) -> bool:
    return bool(_COMMENT.sub("", sql).strip(" \t\n;"))


def _read(path: Path) -> str:
    """The text, with ``\\n`` at the end of each line and no byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise MigrationError(f"{path} is not UTF-8: save it as such") from error


async def _make_table(connection: Connection) -> None:
    try:
        await connection.execute(_TABLE)
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"can't make the table schema_migrations: {error}; let the migrations be applied by "
            "the owner of the database"
        ) from error


async def _applied(connection: Connection) -> list[Applied]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return []
    rows = await connection.fetch(
        "SELECT version, description, checksum, applied_at FROM schema_migrations ORDER BY version"
    )
    return [Applied(*row) for row in rows]


async def _pending(connection: Connection, directory: Path) -> list[Migration]:
    found = await status(connection, directory)
    return [entry.migration for entry in found if entry.applied_at is None]


def _compare(migrations: Sequence[Migration], applied: Sequence[Applied]) -> None:
    """Raises `MigrationError` where the files are not a continuation of what was applied."""
    by_version = {migration.version: migration for migration in migrations}
    for row in applied:
        migration = by_version.get(row.version)
        if migration is None:
            # A newer release has migrated; this older one may still be running beside it.
            if not migrations or row.version > migrations[-1].version:
                continue
            raise MigrationError(f"{row.label} was applied, but its file is missing: restore it")
        if migration.checksum() != row.checksum:
            raise MigrationError(
                f"{migration.up} was changed after it was applied: restore it, and write a new "
                "migration for what should be different"
            )
    if not applied:
        return
    known = {row.version for row in applied}
    for migration in migrations:
        if migration.version < applied[-1].version and migration.version not in known:
            raise MigrationError(
                f"{migration.up} is older than {applied[-1].label}, which was applied already: "
                "give it a newer timestamp"
            )


@asynccontextmanager
async def _turn(connection: Connection, patience: float) -> AsyncIterator[None]:
    """Hold the lock that only one migrator has at a time."""
    # Polled: a session that waits inside a statement would hold back CREATE INDEX CONCURRENTLY,
    # which waits for every older transaction, in the session that has the lock.
    deadline = time.monotonic() + patience
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another process has been migrating for {patience:g} s: try again when it is done"
            )
        await asyncio.sleep(_POLL)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("RESET ALL")
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)


async def _apply(connection: Connection, migration: Migration, lock_timeout: float) -> None:
    async with _execution(connection, migration.up, lock_timeout) as started:
        await connection.execute(
            "INSERT INTO schema_migrations (version, description, checksum, duration) "
            "VALUES ($1, $2, $3, make_interval(secs => $4))",
            migration.version,
            migration.name,
            migration.checksum(),
            time.monotonic() - started,
        )


async def _undo(connection: Connection, migration: Migration, lock_timeout: float) -> None:
    async with _execution(connection, migration.down, lock_timeout):
        await connection.execute(
            "DELETE FROM schema_migrations WHERE version = $1", migration.version
        )


@asynccontextmanager
async def _execution(
    connection: Connection, path: Path, lock_timeout: float
) -> AsyncIterator[float]:
    """Run a file, then the block that records it: in one transaction, if the file allows it.

    Yields when the file was begun, on the monotonic clock.
    """
    sql = _read(path)
    alone = sql.partition("\n")[0].rstrip() == _NO_TRANSACTION
    started = time.monotonic()
    await connection.execute(_SESSION, f"{round(lock_timeout * 1000)}ms")
    try:
        async with nullcontext() if alone else connection.transaction():
            if _has_statement(sql):
                await (_execute_alone if alone else _execute)(connection, path, sql)
            # Such as the search path, which pg_dump's output empties.
            await connection.execute("RESET ALL; RESET ROLE")
            yield started
    except asyncpg.InterfaceError as error:
        # A connection that is gone can't roll back, and asyncpg says only so.
        if not connection.is_closed():
            raise
        raise MigrationError(
            f"{path}: the connection to the database was lost: try again when it is back"
        ) from error
    except asyncpg.PostgresError as error:
        # COMMIT is when a deferred constraint is checked.
        raise MigrationError(f"{path}: {error}") from error


_SESSION: Final = """
    SELECT set_config('lock_timeout', $1, false),
           set_config('client_connection_check_interval', '1s', false)
"""
"""With the latter a statement ends, and gives back its locks, when whoever migrates was killed."""


async def _execute(connection: Connection, path: Path, sql: str) -> None:
    try:
        await connection.execute(sql)
    except asyncpg.ActiveSQLTransactionError as error:
        raise MigrationError(
            f"{_explain(path, sql, error)}\n"
            f"Make {_NO_TRANSACTION} the file's first line, and this its only statement."
        ) from error
    except asyncpg.PostgresError as error:
        raise MigrationError(_explain(path, sql, error)) from error
    if not connection.is_in_transaction():
        raise MigrationError(
            f"{path} ends its transaction, so that it is neither whole nor undone: remove COMMIT "
            "or ROLLBACK from it, and from the database what it has left behind"
        )


async def _execute_alone(connection: Connection, path: Path, sql: str) -> None:
    try:
        # Through the extended protocol, which takes one statement and opens no transaction for it.
        await connection.fetch(sql)
    except asyncpg.PostgresSyntaxError as error:
        # The one syntax error without a position is that of several statements.
        if getattr(error, "position", None):
            raise MigrationError(_explain(path, sql, error)) from error
        raise MigrationError(
            f"{path}: a file with {_NO_TRANSACTION} holds one statement, since nothing would "
            "undo the first where the second fails: make a migration of each"
        ) from error
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"{_explain(path, sql, error)}\n{await _left_behind(connection, sql)}"
        ) from error


async def _left_behind(connection: Connection, sql: str) -> str:
    """What to do where a statement has failed that nothing rolls back."""
    invalid = None if connection.is_closed() else await connection.fetchval(_INVALID_INDEX, sql)
    if invalid:
        return f"It left behind an index that is not valid: DROP INDEX CONCURRENTLY {invalid};"
    return (
        "It ran outside of a transaction: remove what it left behind, such as an index that is "
        "not valid, before you try again."
    )


_INVALID_INDEX: Final = """
    SELECT oid::regclass::text FROM pg_class JOIN pg_index ON indexrelid = oid
    WHERE relkind = 'i' AND NOT indisvalid AND strpos($1, relname) > 0
"""


def _explain(path: Path, sql: str, error: asyncpg.PostgresError) -> str:
    """PostgreSQL's message, with the line of the file that it is about."""
    hint = f"\nHint: {error.hint}" if getattr(error, "hint", None) else ""
    position = getattr(error, "position", None)
    if not position:
        return f"{path}: {error}{hint}"
    # At most the last character: the end of the input is on no line.
    before = sql.rstrip()[: int(position) - 1]
    number = before.count("\n") + 1
    line = sql.split("\n")[number - 1]
    # Tabs stay, so that the caret is below what it points at.
    caret = re.sub(r"[^\t]", " ", before.rpartition("\n")[2]) + "^"
    return f"{path}:{number}: {error}\n  {line}\n  {caret}{hint}"
