"""What `@query`, `@stream` and `@row` do when they are called."""

import inspect
import traceback
from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg
import pytest
from pydantic import AwareDatetime, BaseModel

from app.db import (
    Affected,
    Connection,
    Database,
    DatabaseOptions,
    Db,
    Jsonb,
    NoRowError,
    TooManyRowsError,
    Transaction,
    query,
    row,
    stream,
)
from app.db.query import STATEMENTS


class Mood(StrEnum):
    SAD = "sad"
    HAPPY = "happy"


class Preferences(BaseModel):
    theme: str
    since: datetime | None = None


@row
class Pet:
    id: int
    name: str
    mood: Mood | None
    preferences: Jsonb[Preferences] | None


@row
class Name:
    id: int
    name: str


@row
class Grown:
    id: int
    name: str

    def __post_init__(self) -> None:
        if self.id < 2:
            raise ValueError(f"{self.name} is a puppy")


SCHEMA = """
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TABLE pets (
        id integer PRIMARY KEY, name text NOT NULL, mood mood, preferences jsonb
    );
    INSERT INTO pets VALUES
        (1, 'Rex', 'happy', '{"theme": "dark"}'),
        (2, 'Tom', NULL, NULL),
        (3, 'Kit', 'sad', '{"theme": "light", "since": "2026-01-01T00:00:00Z"}');
"""


@query("SELECT id, name, mood, preferences FROM pets WHERE id = $1")
async def get_pet(db: Db, id: int) -> Pet:
    raise NotImplementedError


@query("SELECT id, name FROM pets WHERE id = $1")
async def get_grown(db: Db, id: int) -> Grown:
    raise NotImplementedError


@query("SELECT id, name FROM pets WHERE id >= $1")
async def get_name(db: Db, at_least: int) -> Name:
    raise NotImplementedError


@query("SELECT id, name FROM pets WHERE id >= $1")
async def find_name(db: Db, at_least: int) -> Name | None:
    raise NotImplementedError


@query("SELECT id, name FROM pets ORDER BY id")
async def list_names(db: Db) -> list[Name]:
    raise NotImplementedError


@query("SELECT name FROM pets WHERE id = ANY($1) ORDER BY id")
async def names_of(db: Db, ids: list[int]) -> list[str]:
    raise NotImplementedError


@query("SELECT count(*) FROM pets")
async def count_pets(db: Db) -> int:
    raise NotImplementedError


@query("SELECT mood FROM pets WHERE id = $1")
async def mood_of(db: Db, id: int) -> Mood | None:
    raise NotImplementedError


@query("SELECT preferences FROM pets WHERE id = $1")
async def preferences_of(db: Db, id: int) -> Jsonb[Preferences] | None:
    raise NotImplementedError


@query("SELECT preferences FROM pets ORDER BY id")
async def list_preferences(db: Db) -> list[Jsonb[Preferences] | None]:
    raise NotImplementedError


@query("SELECT now()")
async def moment(db: Db) -> AwareDatetime:
    raise NotImplementedError


@query("INSERT INTO pets (id, name, mood, preferences) VALUES ($1, $2, $3, $4)")
async def add_pet(
    db: Db, id: int, name: str, mood: Mood | None, preferences: Jsonb[Preferences] | None
) -> None:
    raise NotImplementedError


@query("UPDATE pets SET name = $2 WHERE id >= $1")
async def rename(db: Db, at_least: int, name: str) -> Affected:
    raise NotImplementedError


@query("SELECT name FROM pets WHERE id >= $1 ORDER BY id LIMIT $2")
async def some_names(db: Db, at_least: int = 1, *, limit: int = 2) -> list[str]:
    raise NotImplementedError


@query("SELECT $1 || $2 || $3")
async def joined(db: Db, record: str, records: str, sql: str) -> str | None:
    raise NotImplementedError


@stream("SELECT id, name FROM pets WHERE id >= $1 ORDER BY id", prefetch=2)
def stream_names(db: Transaction, at_least: int) -> AsyncIterator[Name]:
    raise NotImplementedError


@query("DELETE FROM nowhere")
async def nowhere(db: Db) -> None:
    raise NotImplementedError


@stream("SELECT generate_series(1, $1)")
def numbers(db: Transaction, last: int) -> AsyncIterator[int]:
    raise NotImplementedError


@pytest.fixture
async def db(empty_database: str) -> AsyncIterator[Database]:
    options = DatabaseOptions(
        url=empty_database,
        password=None,
        application_name="test",
        pool_min_size=0,
        pool_max_size=2,
        acquire_timeout=5,
        connection_idle_timeout=60,
        connection_lifetime=60,
        statement_timeout=5,
    )
    async with Database.open(options) as database:
        await database.execute(SCHEMA)
        yield database


class TestResults:
    async def test_one_row(self, db: Database) -> None:
        assert await get_pet(db, 1) == Pet(1, "Rex", Mood.HAPPY, Preferences(theme="dark"))

    async def test_no_row_where_there_must_be_one(self, db: Database) -> None:
        with pytest.raises(NoRowError, match=r"test_query\.get_name returned 0 rows, not one"):
            await get_name(db, 4)

    async def test_a_second_row_where_there_must_be_one(self, db: Database) -> None:
        with pytest.raises(TooManyRowsError, match=r"test_query\.get_name returned 3 rows"):
            await get_name(db, 1)

    async def test_an_optional_row(self, db: Database) -> None:
        assert await find_name(db, 3) == Name(3, "Kit")
        assert await find_name(db, 4) is None

    async def test_a_second_row_where_there_may_be_one(self, db: Database) -> None:
        with pytest.raises(TooManyRowsError, match="returned 2 rows, not one"):
            await find_name(db, 2)

    async def test_a_list(self, db: Database) -> None:
        assert await list_names(db) == [Name(1, "Rex"), Name(2, "Tom"), Name(3, "Kit")]

    async def test_an_empty_list(self, db: Database) -> None:
        assert await names_of(db, []) == []

    async def test_a_list_of_single_columns(self, db: Database) -> None:
        assert await names_of(db, [3, 1]) == ["Rex", "Kit"]

    async def test_a_single_column(self, db: Database) -> None:
        assert await count_pets(db) == 3

    async def test_a_time_that_knows_its_zone(self, db: Database) -> None:
        assert (await moment(db)).utcoffset() is not None

    async def test_the_number_of_rows_affected(self, db: Database) -> None:
        assert await rename(db, 2, "Ben") == 2
        assert await rename(db, 9, "Ben") == 0

    async def test_nothing(self, db: Database) -> None:
        await add_pet(db, 4, "Ben", None, None)

        assert await get_pet(db, 4) == Pet(4, "Ben", None, None)

    async def test_a_row_is_frozen(self, db: Database) -> None:
        pet = await get_name(db, 3)

        assert type(pet) is Name
        with pytest.raises(AttributeError):
            pet.name = "Ben"  # type: ignore[misc] # what is tested

    async def test_a_row_checks_itself_where_its_class_says_how(self, db: Database) -> None:
        assert await get_grown(db, 2) == Grown(2, "Tom")
        with pytest.raises(ValueError, match="Rex is a puppy"):
            await get_grown(db, 1)


class TestConversions:
    async def test_an_enum_comes_as_its_member(self, db: Database) -> None:
        assert await mood_of(db, 1) is Mood.HAPPY

    async def test_null_stays_none(self, db: Database) -> None:
        assert await mood_of(db, 2) is None
        assert await preferences_of(db, 2) is None
        assert await get_pet(db, 2) == Pet(2, "Tom", None, None)

    async def test_an_enum_that_python_does_not_know_is_refused(self, db: Database) -> None:
        await db.execute("ALTER TYPE mood ADD VALUE 'sleepy'")
        await db.execute("UPDATE pets SET mood = 'sleepy' WHERE id = 1")

        with pytest.raises(ValueError, match="'sleepy' is not a valid Mood"):
            await mood_of(db, 1)

    async def test_jsonb_comes_as_its_type(self, db: Database) -> None:
        first, second, third = await list_preferences(db)

        assert first == Preferences(theme="dark")
        assert second is None
        assert third
        assert third.since
        assert third.since.year == 2026

    async def test_jsonb_of_another_shape_is_refused(self, db: Database) -> None:
        await db.execute("""UPDATE pets SET preferences = '{"colour": "red"}'""")

        with pytest.raises(ValueError, match="theme"):
            await preferences_of(db, 1)

    async def test_parameters_are_converted_back(self, db: Database) -> None:
        since = datetime.fromisoformat("2026-02-03T04:05:06+00:00")
        preferences = Preferences(theme="dark", since=since)

        await add_pet(db, 4, "Ben", Mood.SAD, preferences)

        assert await get_pet(db, 4) == Pet(4, "Ben", Mood.SAD, preferences)


class TestArguments:
    async def test_by_position_and_by_name(self, db: Database) -> None:
        assert await rename(db, 1, "A") == 3
        assert await rename(db, 1, name="B") == 3
        assert await rename(db, name="C", at_least=3) == 1
        assert await names_of(db, [1, 3]) == ["B", "C"]

    async def test_converted_ones_by_name(self, db: Database) -> None:
        await add_pet(db, 4, preferences=Preferences(theme="x"), mood=Mood.SAD, name="Ben")

        assert await preferences_of(db, id=4) == Preferences(theme="x")

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ((), {}),
            ((1,), {}),
            ((1, "A", 2), {}),
            ((1,), {"names": "A"}),
            ((1, "A"), {"name": "A"}),
            ((1,), {"name": "A", "other": 1}),
            ((), {"name": "A"}),
        ],
    )
    async def test_wrong_ones_are_named(
        self, db: Database, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        wrong_call: Any = rename

        with pytest.raises(TypeError, match=r"^rename\(\) "):
            await wrong_call(db, *arguments, **named)

    async def test_none_where_there_are_none(self, db: Database) -> None:
        wrong_call: Any = list_names

        with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
            await wrong_call(db, 1)

    async def test_left_out_are_what_the_signature_says(self, db: Database) -> None:
        assert await some_names(db) == ["Rex", "Tom"]
        assert await some_names(db, 2, limit=1) == ["Tom"]

    async def test_may_have_any_names(self, db: Database) -> None:
        assert await joined(db, "a", records="b", sql="c") == "abc"

    async def test_of_another_type_are_refused(self, db: Database) -> None:
        wrong_call: Any = get_name

        with pytest.raises(asyncpg.DataError):
            await wrong_call(db, "one")


class TestTransactions:
    async def test_commit_at_the_end(self, db: Database) -> None:
        async with db.transaction() as transaction:
            await rename(transaction, 3, "Ben")
            assert await names_of(db, [3]) == ["Kit"], "nobody else sees it yet"

        assert await names_of(db, [3]) == ["Ben"]

    async def test_roll_back_on_an_error(self, db: Database) -> None:
        with pytest.raises(ZeroDivisionError):
            await _rename_and_fail(db)

        assert await names_of(db, [3]) == ["Kit"]

    async def test_leave_the_connection_usable_after_an_error(self, db: Database) -> None:
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                await _rename_and_fail(db)

        assert await count_pets(db) == 3

    async def test_run_on_a_plain_connection_too(self, empty_database: str, db: Database) -> None:
        connection: Connection = await asyncpg.connect(empty_database)
        try:
            assert await count_pets(connection) == 3
        finally:
            await connection.close()


class TestStreams:
    async def test_rows_come_one_by_one(self, db: Database) -> None:
        async with db.transaction() as transaction:
            names = [name async for name in stream_names(transaction, 2)]

        assert names == [Name(2, "Tom"), Name(3, "Kit")]

    async def test_rows_are_fetched_as_they_are_needed(self, db: Database) -> None:
        # All at once would be more than PostgreSQL's time-out and this machine's memory allow.
        async with db.transaction() as transaction:
            async for number in numbers(transaction, 2_000_000_000):
                if number == 250:
                    break

            assert await count_pets(transaction) == 3, "the connection is free for others"

    async def test_need_a_transaction(self, empty_database: str, db: Database) -> None:
        connection: Connection = await asyncpg.connect(empty_database)
        try:
            with pytest.raises(asyncpg.NoActiveSQLTransactionError):
                _ = [name async for name in stream_names(connection, at_least=1)]
        finally:
            await connection.close()

    async def test_wrong_arguments_are_named(self, db: Database) -> None:
        wrong_call: Any = stream_names
        async with db.transaction() as transaction:
            with pytest.raises(TypeError, match=r"stream_names\(\) missing 1 .* 'at_least'"):
                _ = [name async for name in wrong_call(transaction)]


class TestDefinition:
    def test_statements_are_known_by_module_and_name(self) -> None:
        names = {statement.name for statement in STATEMENTS}

        assert "users.create_user" in names
        assert "tests.db.test_query.get_pet" in names

    def test_a_query_looks_like_its_function(self) -> None:
        assert get_pet.__name__ == "get_pet"
        assert get_pet.__module__ == __name__
        assert inspect.iscoroutinefunction(get_pet)
        assert list(inspect.signature(get_pet).parameters) == ["db", "id"]

    async def test_a_traceback_shows_what_a_query_does(self, db: Database) -> None:
        with pytest.raises(asyncpg.UndefinedTableError) as raised:
            await nowhere(db)

        shown = "".join(traceback.format_exception(raised.value))
        assert 'File "<query tests.db.test_query.nowhere>"' in shown
        assert "await db.execute(__sql)" in shown


async def _rename_and_fail(db: Database) -> None:
    async with db.transaction() as transaction:
        await rename(transaction, 3, "Ben")
        raise ZeroDivisionError
