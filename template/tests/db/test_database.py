"""The pool's bounds, and what becomes of it when the server does not play along."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.db import (
    UNAVAILABLE,
    Connection,
    Database,
    DatabaseOptions,
    DatabaseUnavailableError,
    Probe,
    Transaction,
    connect,
    on_constraint,
)
from tests.support.waiting import until, until_asleep

PASSWORD = "a password that nobody may see"

Open = Callable[..., AbstractAsyncContextManager[Database]]


def options(url: str, **others: Any) -> DatabaseOptions:
    bounds: dict[str, Any] = {
        "password": None,
        "application_name": "test",
        "pool_min_size": 0,
        "pool_max_size": 2,
        "acquire_timeout": 5,
        "connection_idle_timeout": 60,
        "connection_lifetime": 60,
        "statement_timeout": 5,
        "close_timeout": 5,
    }
    return DatabaseOptions(url=url, **bounds | others)


@pytest.fixture
def opened(empty_database: str) -> Open:
    """Opens a pool on the test's database, with some options of its own."""
    return lambda **others: Database.open(options(empty_database, **others))


@pytest.fixture
async def observer(empty_database: str) -> AsyncIterator[Connection]:
    """A connection that looks at those of the pool."""
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()


async def backend(database: Database) -> int:
    """The server process behind the next connection."""
    [record] = await database.fetch("SELECT pg_backend_pid()")
    pid: int = record[0]
    return pid


async def sessions(observer: Connection) -> int:
    return int(
        await observer.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'test'"
        )
    )


async def until_sessions(observer: Connection, expected: int) -> None:
    """Wait for the number of sessions; the server forgets one a moment after it was closed."""

    async def reached() -> bool:
        return await sessions(observer) == expected

    await until(reached)


class TestBounds:
    async def test_waits_only_so_long_for_a_connection(self, opened: Open) -> None:
        async with opened(pool_max_size=1, acquire_timeout=0.5) as database:
            async with database.transaction():
                with pytest.raises(DatabaseUnavailableError, match="within the time allowed"):
                    await backend(database)

            assert await backend(database), "it is back in the pool"

    async def test_opens_no_more_connections_than_allowed(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(pool_max_size=2) as database:
            await asyncio.gather(*(backend(database) for _ in range(20)))

            assert 1 <= await sessions(observer) <= 2

    async def test_opens_as_many_as_it_should_at_first(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(pool_min_size=2):
            assert await sessions(observer) == 2

    async def test_cancels_a_statement_that_takes_too_long(self, opened: Open) -> None:
        async with opened(statement_timeout=0.05) as database:
            with pytest.raises(asyncpg.QueryCanceledError):
                await database.fetch("SELECT pg_sleep(60)")

    async def test_ends_a_transaction_that_is_left_idle(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(statement_timeout=0.05) as database:
            with pytest.raises(UNAVAILABLE):
                await _idle_in_transaction(database, observer)

            assert await backend(database)

    async def test_closes_a_connection_that_is_not_used(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(connection_idle_timeout=0.05) as database:
            await backend(database)

            await until_sessions(observer, 0)

    async def test_replaces_a_connection_that_is_too_old(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(pool_max_size=1, connection_lifetime=1e-9) as database:
            backends = {await backend(database) for _ in range(3)}

            assert len(backends) == 3
            await until_sessions(observer, 0)

    async def test_keeps_a_connection_that_is_young(self, opened: Open) -> None:
        async with opened(pool_max_size=1) as database:
            assert len({await backend(database) for _ in range(3)}) == 1

    async def test_lends_a_connection_to_each_of_many_in_turn(self, opened: Open) -> None:
        turns: list[int] = []

        async def take_a_turn(database: Database, number: int) -> None:
            await backend(database)
            turns.append(number)

        async with opened(pool_max_size=1) as database:
            await asyncio.gather(*(take_a_turn(database, number) for number in range(20)))

        assert turns == list(range(20))

    async def test_replaces_an_old_connection_after_a_transaction(self, opened: Open) -> None:
        async with opened(pool_max_size=1, connection_lifetime=1e-9) as database:
            async with database.transaction() as transaction:
                [first] = await transaction.fetch("SELECT pg_backend_pid()")

            assert await backend(database) != first[0]

    async def test_names_its_sessions(self, opened: Open) -> None:
        async with opened(application_name="billing") as database:
            [record] = await database.fetch("SHOW application_name")

            assert record[0] == "billing"

    async def test_works_in_utc(self, opened: Open) -> None:
        async with opened() as database:
            [record] = await database.fetch("SHOW timezone")

            assert record[0] == "UTC"

    async def test_a_connection_for_migrations_has_no_statement_timeout(
        self, empty_database: str
    ) -> None:
        connection = await connect(options(empty_database, statement_timeout=0.05))
        try:
            assert await connection.fetchval("SHOW statement_timeout") == "0"
        finally:
            await connection.close()


class TestFreeConnections:
    async def test_are_idle(self, opened: Open) -> None:
        async with opened(pool_min_size=2) as database:
            async with database.transaction():
                during = database.pool.idle, database.pool.used
            after = database.pool.idle, database.pool.used

        assert during == (1, 1)
        assert after == (2, 0)

    async def test_answer_nobody_else_while_a_cancelled_query_runs(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(pool_max_size=1, statement_timeout=60) as database:
            query = asyncio.create_task(database.fetch("SELECT pg_sleep(60)"))
            await until_asleep(observer)
            query.cancel()

            assert await backend(database)
            with pytest.raises(asyncio.CancelledError):
                await query

    async def test_serve_on_after_an_error(self, opened: Open) -> None:
        async with opened(pool_max_size=1) as database:
            first = await backend(database)
            with pytest.raises(asyncpg.UndefinedTableError):
                await database.fetch("SELECT 1 FROM nowhere")

            assert await backend(database) == first

    async def test_are_replaced_once_a_server_no_longer_writes(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(pool_max_size=2) as database:
            before = set(await asyncio.gather(*(backend(database) for _ in range(2))))
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await database.execute("BEGIN READ ONLY; CREATE TABLE t (n integer)")

            after = set(await asyncio.gather(*(backend(database) for _ in range(2))))

        assert not before & after

    async def test_are_all_there_where_a_request_is_cancelled_as_they_are_replaced(
        self, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.db.pool._RENEWAL_INTERVAL", 0)
        reads_only = asyncpg.ReadOnlySQLTransactionError("")
        async with opened(pool_max_size=2) as database:
            for steps in range(1, 10):
                mine, other = [await database.pool.acquire() for _ in range(2)]
                await database.pool.release(other, None)
                replacing = asyncio.create_task(database.pool.release(mine, reads_only))
                for _ in range(steps):
                    await asyncio.sleep(0)
                replacing.cancel()
                with suppress(asyncio.CancelledError):
                    await replacing

                served = await asyncio.gather(*(backend(database) for _ in range(2)))
                assert len(set(served)) == 2, f"cancelled after {steps} steps"


class TestClose:
    async def test_waits_for_no_connection_that_is_free(self, opened: Open) -> None:
        async def query_on(database: Database) -> None:
            while True:
                await backend(database)

        async with asyncio.timeout(30):
            async with opened(close_timeout=60) as database:
                busy = asyncio.create_task(query_on(database))
                await backend(database)
            with pytest.raises(DatabaseUnavailableError):
                await busy

    async def test_leaves_no_session(self, opened: Open, observer: Connection) -> None:
        async with opened(pool_min_size=2):
            pass

        await until_sessions(observer, 0)

    async def test_does_not_wait_for_ever_for_a_query(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(close_timeout=0.05, statement_timeout=60) as database:
            query = asyncio.create_task(database.fetch("SELECT pg_sleep(60)"))
            await until_asleep(observer)

        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await query


class TestLostServer:
    async def test_a_connection_that_the_server_ended_is_replaced(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(pool_max_size=1) as database:
            first = await backend(database)
            await _terminate(observer, first)

            # That it is gone may be found out only when it is used.
            found = [await _backend_or_none(database) for _ in range(2)]

            assert found[1]
            assert found[1] != first

    async def test_every_one_of_many_is_replaced(self, opened: Open, observer: Connection) -> None:
        async with opened(pool_min_size=5, pool_max_size=5) as database:
            await observer.fetch(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'test'"
            )
            await asyncio.gather(*(_backend_or_none(database) for _ in range(20)))

            found = await asyncio.gather(*(_backend_or_none(database) for _ in range(20)))

            assert None not in found

    async def test_in_a_transaction_it_is_unavailable(
        self, opened: Open, observer: Connection
    ) -> None:
        async with opened(pool_max_size=1) as database:
            with pytest.raises(UNAVAILABLE):
                await _lose_in_transaction(database, observer)

            assert await backend(database)

    async def test_a_refused_address_is_a_sentence(self) -> None:
        nowhere = options(f"postgresql://somebody:{PASSWORD.replace(' ', '+')}@127.0.0.1:1/app")

        with pytest.raises(DatabaseUnavailableError) as caught:
            await connect(nowhere)

        assert str(caught.value).startswith("the database can't be reached: ")
        assert "Connect call failed ('127.0.0.1', 1)" in str(caught.value)

    async def test_a_server_that_does_not_answer_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            silent = options(f"postgresql://somebody@127.0.0.1:{port}/app", acquire_timeout=0.05)
            async with Database.open(silent) as database:
                with pytest.raises(DatabaseUnavailableError, match="within the time allowed"):
                    await backend(database)
            with pytest.raises(DatabaseUnavailableError, match="within the time allowed"):
                await connect(silent)

    async def test_an_unknown_database_is_a_sentence(self, empty_database: str) -> None:
        unknown = urlsplit(empty_database)._replace(path="/unknown_one").geturl()

        with pytest.raises(DatabaseUnavailableError, match='"unknown_one" does not exist'):
            await connect(options(unknown))


class TestSecrecy:
    async def test_no_password_in_an_error(self, server: str) -> None:
        parts = urlsplit(server)
        wrong = parts._replace(netloc=f"nobody_at_all@{parts.netloc.rpartition('@')[2]}").geturl()

        with pytest.raises(DatabaseUnavailableError) as caught:
            await connect(options(wrong, password=PASSWORD))

        assert PASSWORD not in _everything(caught.value)

    def test_no_password_in_the_options(self) -> None:
        shown = repr(options(f"postgresql://somebody:{PASSWORD}@host/app", password=PASSWORD))

        assert PASSWORD not in shown
        assert "acquire_timeout=5" in shown

    async def test_no_password_in_the_pool(self, opened: Open) -> None:
        async with opened(password=PASSWORD) as database:
            assert PASSWORD not in repr(database) + str(database) + repr(vars(database))


class TestProbe:
    async def test_answers_where_the_database_does(self, opened: Open) -> None:
        async with opened() as database:
            assert await Probe(database).answers(within=5)

    async def test_does_not_wait_for_a_database_that_hangs(self, opened: Open) -> None:
        async with opened(pool_max_size=1) as database, database.transaction():
            assert not await Probe(database).answers(within=0.05)

    async def test_asks_once_for_all_who_ask(self, opened: Open, observer: Connection) -> None:
        async with opened(pool_max_size=5) as database:
            probe = Probe(database)
            answers = await asyncio.gather(*(probe.answers(within=5) for _ in range(20)))

            assert all(answers)
            assert await sessions(observer) == 1

    async def test_answers_each_of_those_who_ask_again_and_again(self, opened: Open) -> None:
        async with opened() as database:
            probe = Probe(database)

            async def ask_often() -> list[bool]:
                return [await probe.answers(within=5) for _ in range(10)]

            answers = await asyncio.gather(*(ask_often() for _ in range(10)))

            assert answers == [[True] * 10] * 10


class TestOnConstraint:
    async def test_turns_a_violation_into_the_error_given(self, observer: Connection) -> None:
        await observer.execute("CREATE TABLE t (n integer CONSTRAINT positive CHECK (n > 0))")

        with pytest.raises(ZeroDivisionError), on_constraint({"positive": ZeroDivisionError()}):
            await observer.execute("INSERT INTO t VALUES (-1)")

    async def test_leaves_other_violations_alone(self, observer: Connection) -> None:
        await observer.execute("CREATE TABLE t (n integer NOT NULL)")

        with (
            pytest.raises(asyncpg.NotNullViolationError),
            on_constraint({"positive": ZeroDivisionError()}),
        ):
            await observer.execute("INSERT INTO t VALUES (NULL)")


async def _terminate(observer: Connection, pid: int) -> None:
    """End a server process, and wait until it is gone."""
    assert await observer.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)


async def _backend_or_none(database: Database) -> int | None:
    try:
        return await backend(database)
    except UNAVAILABLE:
        return None


async def _idle_in_transaction(database: Database, observer: Connection) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("SELECT 1")
        await until_sessions(observer, 0)
        await transaction.execute("SELECT 1")


async def _lose_in_transaction(database: Database, observer: Connection) -> None:
    async with database.transaction() as transaction:
        [record] = await transaction.fetch("SELECT pg_backend_pid()")
        await _terminate(observer, record[0])
        await transaction.execute("SELECT 1")


def _everything(error: BaseException) -> str:
    """The error and what caused it, in every form that could be printed."""
    cause = error.__cause__
    return f"{error} {error!r} {vars(error)}" + (_everything(cause) if cause else "")


async def test_no_time_outs_are_set_where_a_pooler_would_lose_them(opened: Open) -> None:
    async with opened(statement_timeout=5) as database, opened(behind_pooler=True) as pooled:
        (own,) = await database.fetch("SHOW statement_timeout")
        (others,) = await pooled.fetch("SHOW statement_timeout")
    assert (own[0], others[0]) == ("5s", "0")


class TestStateOfASession:
    """Connections go back to the pool without being reset."""

    async def test_ends_with_the_transaction_that_sets_it(self, opened: Open) -> None:
        async with opened(pool_max_size=1) as database:
            async with database.transaction() as transaction:
                await transaction.execute("SET LOCAL lock_timeout = '7s'")
                await transaction.fetch("SELECT pg_advisory_xact_lock(1)")
                during = await state(transaction)
            async with database.transaction() as transaction:
                after = await state(transaction)

        assert during["lock_timeout"] == "7s"
        assert during["locks"] == 1
        assert after == {"pid": during["pid"], "lock_timeout": "0", "locks": 0}

    async def test_that_a_caller_leaves_in_a_transaction_is_rolled_back(self, opened: Open) -> None:
        async with opened(pool_max_size=1) as database:
            await database.execute("BEGIN; SET LOCAL lock_timeout = '7s'")
            async with database.transaction() as transaction:
                after = await state(transaction)

        assert after["lock_timeout"] == "0"


async def state(transaction: Transaction) -> dict[str, Any]:
    [row] = await transaction.fetch("""
        SELECT
            pg_backend_pid() AS pid,
            current_setting('lock_timeout') AS lock_timeout,
            (SELECT count(*) FROM pg_locks
             WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks
    """)
    return dict(row)
