"""The migrations' runner: what it applies, what it refuses, and what it says."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from app.db import Connection, migrations
from app.db.migrations import Migration, MigrationError
from app.settings import Settings
from tests.support.processes import command, environment_of
from tests.support.waiting import until_asleep

FIRST = 20260101000000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()


Add = Callable[..., Path]


@pytest.fixture
def add(folder: Path) -> Add:
    """Writes a migration, and gives the path of its up file."""

    def write(number: int, name: str, up: str | None = None, down: str | None = None) -> Path:
        stem = f"{FIRST + number}_{name}"
        up_file, down_file = folder / f"{stem}.up.sql", folder / f"{stem}.down.sql"
        up_file.write_text(f"CREATE TABLE {name} ();" if up is None else up)
        down_file.write_text(f"DROP TABLE {name};" if down is None else down)
        return up_file

    return write


def names(applied: list[Migration]) -> list[str]:
    return [migration.name for migration in applied]


async def tables(connection: Connection) -> set[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in rows} - {"schema_migrations"}


class TestMigrate:
    async def test_applies_what_is_pending_in_order(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(2, "second", "CREATE TABLE second (LIKE first)")
        add(1, "first")
        reported: list[Migration] = []

        applied = await migrations.migrate(connection, folder, report=reported.append)

        assert names(applied) == ["first", "second"]
        assert reported == applied
        assert await tables(connection) == {"first", "second"}

    async def test_applies_each_once(self, connection: Connection, folder: Path, add: Add) -> None:
        add(1, "first")
        await migrations.migrate(connection, folder)
        add(2, "second")

        assert names(await migrations.migrate(connection, folder)) == ["second"]
        assert await migrations.migrate(connection, folder) == []

    async def test_notes_what_it_has_done(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        [migration] = await migrations.migrate(connection, folder)

        [row] = await connection.fetch(
            "SELECT *, duration >= '0' AND applied_at <= now() AS sane FROM schema_migrations"
        )

        assert row["version"] == FIRST + 1
        assert row["description"] == "first"
        assert row["checksum"] == migration.checksum()
        assert row["sane"]

    async def test_makes_the_whole_of_a_file_or_nothing(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        add(2, "second", "CREATE TABLE second (); CREATE TABLE third (); SELECT 1 / 0")
        add(3, "fourth")

        with pytest.raises(MigrationError, match="division by zero"):
            await migrations.migrate(connection, folder)

        assert await tables(connection) == {"first"}, "what came before stays"
        found = await migrations.status(connection, folder)
        assert [bool(entry.applied_at) for entry in found] == [True, False, False]

    async def test_goes_on_when_the_mistake_is_mended(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "CREATE TABLE first (nonsense)")
        with pytest.raises(MigrationError):
            await migrations.migrate(connection, folder)
        add(1, "first")

        assert names(await migrations.migrate(connection, folder)) == ["first"]

    async def test_shows_where_the_sql_is_wrong(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", "-- Größe\nCREATE TABLE first (\n    größe integr\n);\n")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value).splitlines() == [
            f'{path}:3: type "integr" does not exist',
            "      größe integr",
            "            ^",
        ]

    async def test_passes_on_the_server_s_hint(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "SELECT repeat(1, 2)")

        with pytest.raises(MigrationError, match=r"\nHint: .+"):
            await migrations.migrate(connection, folder)

    async def test_names_the_file_where_there_is_no_position(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", "DO $$ BEGIN RAISE EXCEPTION 'not today'; END $$")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value) == f"{path}: not today"

    async def test_shows_the_last_line_where_the_end_comes_too_soon(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", "CREATE TABLE first (\n\tn integer\n\n")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value).splitlines() == [
            f"{path}:2: syntax error at end of input",
            "  \tn integer",
            "  \t         ^",
        ]

    async def test_says_what_a_constraint_has_against_the_commit(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(
            1,
            "first",
            "CREATE TABLE first (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED);"
            "INSERT INTO first VALUES (1), (1)",
        )

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value).startswith(f"{path}: duplicate key value violates unique")
        assert await tables(connection) == set()

    async def test_ends_what_a_file_sets_with_the_file(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        # As pg_dump writes it.
        empty = "SELECT pg_catalog.set_config('search_path', '', false);"
        add(1, "first", f"{empty} CREATE TABLE public.first ()")
        add(2, "second")

        assert names(await migrations.migrate(connection, folder)) == ["first", "second"]
        assert await tables(connection) == {"first", "second"}

    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
    async def test_refuses_a_file_that_ends_its_transaction(
        self, connection: Connection, folder: Path, add: Add, end: str
    ) -> None:
        path = add(1, "first", f"CREATE TABLE first (); {end};")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value).startswith(f"{path} ends its transaction")
        [entry] = await migrations.status(connection, folder)
        assert entry.applied_at is None

    async def test_says_who_may_migrate(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        await connection.execute("SET default_transaction_read_only = on")

        with pytest.raises(MigrationError, match="can't make the table schema_migrations: "):
            await migrations.migrate(connection, folder)


class TestWithoutTransaction:
    async def test_creates_an_index_concurrently(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "CREATE TABLE first (n integer)")
        add(
            2,
            "index",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY first_n ON first (n);",
            "-- no-transaction\nDROP INDEX CONCURRENTLY first_n;",
        )

        assert names(await migrations.migrate(connection, folder)) == ["first", "index"]
        assert await connection.fetchval("SELECT to_regclass('first_n')")

        assert names(await migrations.revert(connection, folder)) == ["index"]
        assert not await connection.fetchval("SELECT to_regclass('first_n')")

    async def test_refuses_a_second_statement(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "two", "-- no-transaction\nCREATE TABLE a (); CREATE TABLE b ();")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value).startswith(f"{path}: a file with -- no-transaction holds one")
        assert "make a migration of each" in str(caught.value)
        assert await tables(connection) == set()

    async def test_says_that_something_may_be_left_behind(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "CREATE TABLE first (n integer); INSERT INTO first VALUES (1), (1)")
        path = add(2, "index", "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY u ON first (n)")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value).startswith(f'{path}: could not create unique index "u"')
        advice = "It left behind an index that is not valid: DROP INDEX CONCURRENTLY u;"
        assert str(caught.value).endswith(advice)

        await connection.execute("DROP INDEX CONCURRENTLY u")
        await connection.execute("TRUNCATE first")
        assert names(await migrations.migrate(connection, folder)) == ["index"]

    async def test_says_so_too_where_it_does_not_know_what(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "-- no-transaction\nCREATE INDEX CONCURRENTLY u ON nowhere (n)")

        with pytest.raises(MigrationError, match="remove what it left behind, such as an index"):
            await migrations.migrate(connection, folder)

    async def test_shows_where_the_sql_is_wrong(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", "-- no-transaction\nCREATE INDEX CONCURRENTLY u IN first")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert str(caught.value).splitlines() == [
            f'{path}:2: syntax error at or near "IN"',
            "  CREATE INDEX CONCURRENTLY u IN first",
            "                              ^",
        ]

    async def test_is_what_an_error_inside_of_one_suggests(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "CREATE TABLE first (n integer)")
        add(2, "index", "CREATE INDEX CONCURRENTLY first_n ON first (n)")

        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)

        assert "cannot run inside a transaction block" in str(caught.value)
        assert str(caught.value).endswith(
            "Make -- no-transaction the file's first line, and this its only statement."
        )

    async def test_is_said_on_the_first_line_alone(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "-- no-transactions here\nCREATE TABLE a (); CREATE TABLE b ();")

        await migrations.migrate(connection, folder)

        assert await tables(connection) == {"a", "b"}


class TestFiles:
    """What is wrong with the folder is found before anything is applied."""

    async def refused(self, connection: Connection, folder: Path) -> str:
        with pytest.raises(MigrationError) as caught:
            await migrations.migrate(connection, folder)
        return str(caught.value)

    async def test_changed(self, connection: Connection, folder: Path, add: Add) -> None:
        path = add(1, "first")
        await migrations.migrate(connection, folder)
        path.write_text("CREATE TABLE other ();")

        message = await self.refused(connection, folder)

        assert message.startswith(f"{path} was changed after it was applied: restore it")

    async def test_missing(self, connection: Connection, folder: Path, add: Add) -> None:
        path = add(1, "first")
        add(2, "second")
        await migrations.migrate(connection, folder)
        path.unlink()
        path.with_name(path.name.replace(".up.", ".down.")).unlink()

        message = await self.refused(connection, folder)

        assert message == f"{FIRST + 1}_first was applied, but its file is missing: restore it"

    async def test_out_of_order(self, connection: Connection, folder: Path, add: Add) -> None:
        add(2, "second")
        await migrations.migrate(connection, folder)
        path = add(1, "first")

        message = await self.refused(connection, folder)

        assert message.startswith(f"{path} is older than {FIRST + 2}_second, which was applied")
        assert message.endswith("give it a newer timestamp")

    async def test_the_same_timestamp(self, connection: Connection, folder: Path, add: Add) -> None:
        add(1, "first")
        path = add(1, "second")

        message = await self.refused(connection, folder)

        assert message == f"{path}: {FIRST + 1}_first.up.sql has the same timestamp"

    @pytest.mark.parametrize(
        "name",
        [
            "first.sql",
            "1_first.up.sql",
            "20260101000000_First.up.sql",
            "20260101000000_first-one.up.sql",
            "20260101000000_first.sql",
            "20260101000000.up.sql",
        ],
    )
    async def test_a_wrong_name(self, connection: Connection, folder: Path, name: str) -> None:
        path = folder / name
        path.write_text("SELECT 1")

        message = await self.refused(connection, folder)

        assert message.startswith(f"{path}: name it <YYYYMMDDHHMMSS>_<name>.up.sql")

    async def test_no_down_file(self, connection: Connection, folder: Path, add: Add) -> None:
        down = add(1, "first").with_name(f"{FIRST + 1}_first.down.sql")
        down.unlink()

        message = await self.refused(connection, folder)

        assert message == (
            f"{down} is missing: write what undoes the migration; a comment where nothing can"
        )

    async def test_no_up_file(self, connection: Connection, folder: Path, add: Add) -> None:
        up = add(1, "first")
        up.unlink()

        assert await self.refused(connection, folder) == (
            f"{up} is missing: nothing to undo without it"
        )

    async def test_no_folder(self, connection: Connection, tmp_path: Path) -> None:
        message = await self.refused(connection, tmp_path / "nowhere")

        assert message.endswith("nowhere/: run this in the project's folder")

    @pytest.mark.parametrize("up", ["", "\n", "-- To be written.\n", "/* To be\nwritten. */;"])
    async def test_nothing_to_apply(
        self, connection: Connection, folder: Path, add: Add, up: str
    ) -> None:
        path = add(1, "first", up)

        assert await self.refused(connection, folder) == (
            f"{path} holds no statement: write the migration"
        )
        assert names(migrations.load(folder)) == ["first"], "the folder can be worked with"

    async def test_nothing_to_undo_it_with(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", down="\n")

        message = await self.refused(connection, folder)

        down = path.with_name(path.name.replace(".up.", ".down."))
        assert message.startswith(f"{down} is empty: write what undoes the migration")
        assert await tables(connection) == set()

    async def test_not_utf_8(self, connection: Connection, folder: Path, add: Add) -> None:
        path = add(1, "first")
        path.write_bytes("-- Größe".encode("latin-1"))

        assert await self.refused(connection, folder) == f"{path} is not UTF-8: save it as such"

    async def test_a_byte_order_mark_does_not_matter(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first")
        before = migrations.digest(folder)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

        assert migrations.digest(folder) == before
        assert names(await migrations.migrate(connection, folder)) == ["first"]

    async def test_other_files_do_not_matter(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        (folder / "README.md").write_text("")

        assert names(await migrations.migrate(connection, folder)) == ["first"]

    async def test_line_endings_do_not_matter(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", "CREATE TABLE first (\n);\n")
        await migrations.migrate(connection, folder)
        before = migrations.digest(folder)
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

        assert await migrations.migrate(connection, folder) == []
        assert migrations.digest(folder) == before

    async def test_a_newer_schema_does_not_stop_an_older_release(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        newer = add(2, "second")
        await migrations.migrate(connection, folder)
        newer.unlink()
        newer.with_name(newer.name.replace(".up.", ".down.")).unlink()

        assert await migrations.migrate(connection, folder) == []
        assert names(
            [entry.migration for entry in await migrations.status(connection, folder)]
        ) == ["first"]


class TestRevert:
    async def test_undoes_the_last(self, connection: Connection, folder: Path, add: Add) -> None:
        add(1, "first")
        add(2, "second")
        await migrations.migrate(connection, folder)

        assert names(await migrations.revert(connection, folder)) == ["second"]
        assert await tables(connection) == {"first"}
        assert names(await migrations.migrate(connection, folder)) == ["second"]

    async def test_undoes_several_the_newest_first(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        for number, name in enumerate(["first", "second", "third"]):
            add(number, name)
        await migrations.migrate(connection, folder)

        assert names(await migrations.revert(connection, folder, steps=2)) == ["third", "second"]
        assert await tables(connection) == {"first"}

    async def test_undoes_no_more_than_there_is(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        await migrations.migrate(connection, folder)

        assert names(await migrations.revert(connection, folder, steps=5)) == ["first"]
        assert await migrations.revert(connection, folder) == []

    async def test_keeps_what_it_can_t_undo(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", down="DROP TABLE other;")
        await migrations.migrate(connection, folder)

        with pytest.raises(MigrationError) as caught:
            await migrations.revert(connection, folder)

        down = path.with_name(path.name.replace(".up.", ".down."))
        assert str(caught.value) == f'{down}: table "other" does not exist'
        [entry] = await migrations.status(connection, folder)
        assert entry.applied_at

    async def test_a_comment_says_that_nothing_can_be_undone(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", down="-- What was deleted is gone.\n")
        await migrations.migrate(connection, folder)

        assert names(await migrations.revert(connection, folder)) == ["first"]
        [entry] = await migrations.status(connection, folder)
        assert entry.applied_at is None

    async def test_leaves_what_a_newer_release_builds_on(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        newer = add(2, "second")
        await migrations.migrate(connection, folder)
        newer.unlink()
        newer.with_name(newer.name.replace(".up.", ".down.")).unlink()

        with pytest.raises(MigrationError) as caught:
            await migrations.revert(connection, folder)

        assert str(caught.value).startswith(f"{FIRST + 2}_second was applied by a newer release")
        assert await tables(connection) == {"first", "second"}

    async def test_our_own_migrations_can_be_undone_and_redone(
        self, connection: Connection
    ) -> None:
        applied = await migrations.migrate(connection)

        reverted = await migrations.revert(connection, steps=len(applied))

        assert reverted == applied[::-1]
        assert await tables(connection) == set()
        assert await migrations.migrate(connection) == applied


class TestStatus:
    async def test_tells_applied_from_pending(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        await migrations.migrate(connection, folder)
        add(2, "second")

        first, second = await migrations.status(connection, folder)

        assert first.migration.label == f"{FIRST + 1}_first"
        assert first.applied_at
        assert second.applied_at is None

    async def test_changes_nothing(self, connection: Connection, folder: Path, add: Add) -> None:
        add(1, "first")

        await migrations.status(connection, folder)

        assert not await connection.fetchval("SELECT to_regclass('schema_migrations')")


class TestTogether:
    """Replicas that start at the same time."""

    async def test_twenty_apply_each_migration_once(
        self, empty_database: str, connection: Connection, folder: Path, add: Add
    ) -> None:
        for number, name in enumerate(["first", "second", "third"]):
            add(number, name, f"CREATE TABLE {name} (); INSERT INTO log VALUES ('{name}')")
        await connection.execute("CREATE TABLE log (name text)")

        async def migrate() -> list[Migration]:
            migrator = await asyncpg.connect(empty_database)
            try:
                return await migrations.migrate(migrator, folder)
            finally:
                await migrator.close()

        done = await asyncio.gather(*(migrate() for _ in range(20)))

        assert sorted(len(applied) for applied in done) == [0] * 19 + [3]
        logged = await connection.fetch("SELECT name FROM log")
        assert [row["name"] for row in logged] == ["first", "second", "third"]

    async def test_whoever_finds_nothing_to_do_takes_no_lock(
        self, empty_database: str, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        await migrations.migrate(connection, folder)
        async with another(empty_database) as other, migrating(other):
            assert await migrations.migrate(connection, folder, turn_timeout=0) == []

    async def test_waiting_ends(
        self, empty_database: str, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        async with another(empty_database) as other, migrating(other):
            with pytest.raises(MigrationError) as caught:
                await migrations.migrate(connection, folder, turn_timeout=0.05)

        assert str(caught.value) == (
            "another process has been migrating for 0.05 s: try again when it is done"
        )
        assert await tables(connection) == set()

    async def test_waiting_for_a_table_ends_too(
        self, empty_database: str, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        await migrations.migrate(connection, folder)
        path = add(2, "second", "ALTER TABLE first ADD n integer")
        async with another(empty_database) as other, other.transaction():
            await other.execute("SELECT * FROM first")
            with pytest.raises(MigrationError) as caught:
                await migrations.migrate(connection, folder, lock_timeout=0.05)

        assert str(caught.value) == f"{path}: canceling statement due to lock timeout"
        assert names(await migrations.migrate(connection, folder)) == ["second"]

    async def test_an_index_is_made_while_others_wait_for_their_turn(
        self, empty_database: str, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first", "CREATE TABLE first (n integer)")
        add(2, "index", "-- no-transaction\nCREATE INDEX CONCURRENTLY first_n ON first (n)")
        async with another(empty_database) as other:
            done = await asyncio.gather(
                migrations.migrate(connection, folder), migrations.migrate(other, folder)
            )

        assert sorted(map(len, done)) == [0, 2]

    async def test_the_connection_is_as_it_was(
        self, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        before = await connection.fetchval("SHOW lock_timeout")

        await migrations.migrate(connection, folder)

        assert await connection.fetchval("SHOW lock_timeout") == before
        assert not await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )


class TestKilled:
    async def test_leaves_whole_migrations_and_no_lock(
        self, empty_database: str, connection: Connection, folder: Path, add: Add
    ) -> None:
        add(1, "first")
        add(2, "second", "CREATE TABLE second (); SELECT pg_sleep(60)")
        doomed = await asyncpg.connect(empty_database)
        work = asyncio.create_task(migrations.migrate(doomed, folder))
        await until_asleep(connection)

        await connection.execute("SELECT pg_terminate_backend($1, 5000)", doomed.get_server_pid())

        with pytest.raises(MigrationError):
            await work
        assert await tables(connection) == {"first"}
        add(2, "second")
        assert names(await migrations.migrate(connection, folder)) == ["second"]

    async def test_says_that_the_connection_was_lost(
        self, empty_database: str, connection: Connection, folder: Path, add: Add
    ) -> None:
        path = add(1, "first", "SELECT pg_sleep(60)")
        doomed = await asyncpg.connect(empty_database)
        work = asyncio.create_task(migrations.migrate(doomed, folder))
        await until_asleep(connection)

        await connection.execute("SELECT pg_terminate_backend($1, 5000)", doomed.get_server_pid())

        with pytest.raises(MigrationError) as caught:
            await work
        assert str(caught.value).startswith(f"{path}: the connection to the database was lost")

    async def test_makes_way_for_the_next_run(
        self,
        empty_database: str,
        settings: Settings,
        connection: Connection,
        folder: Path,
        add: Add,
    ) -> None:
        add(1, "first")
        add(2, "second", "CREATE TABLE second (); SELECT pg_sleep(60)")
        environment = environment_of(settings) | {"DATABASE_URL": empty_database}
        migrate = ("db", "migrate")
        async with command(*migrate, environment=environment, directory=folder.parent) as doomed:
            await until_asleep(connection)
            doomed.signal(signal.SIGKILL)
            await doomed.exit_code()
        add(2, "second")

        async with asyncio.timeout(10):
            assert names(await migrations.migrate(connection, folder)) == ["second"]
        assert await tables(connection) == {"first", "second"}


class TestNew:
    def test_makes_two_files(self, folder: Path) -> None:
        up, down = migrations.new("add_invoices", folder)

        assert up.parent == down.parent == folder
        assert up.name.endswith("_add_invoices.up.sql")
        assert down.name == up.name.replace(".up.", ".down.")
        assert names(migrations.load(folder)) == ["add_invoices"]

    def test_sorts_after_all_others(self, folder: Path, add: Add) -> None:
        add(99991231235900 - FIRST, "far_future")

        migrations.new("next", folder)
        migrations.new("last", folder)

        assert names(migrations.load(folder)) == ["far_future", "next", "last"]

    @pytest.mark.parametrize("name", ["", "Invoices", "add invoices", "../add", "größe"])
    def test_refuses_a_name_that_is_no_name(self, folder: Path, name: str) -> None:
        with pytest.raises(MigrationError, match="use lower-case letters, digits and _"):
            migrations.new(name, folder)

        assert list(folder.iterdir()) == []


@contextlib.asynccontextmanager
async def another(address: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(address)
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def migrating(connection: Connection) -> AsyncIterator[None]:
    """Hold the migrators' lock."""
    async with migrations._turn(connection, 5):
        yield
