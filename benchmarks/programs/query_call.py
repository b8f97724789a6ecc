"""A call of a query against the same by hand, on one connection. Prints JSON.

Each round measures both sides, the first one in turns. It is the client's processor time that is
compared: PostgreSQL's is the same for both, and would hide a difference in the client's.
"""

import gc
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

import asyncpg
import uvloop

from app.db import Affected, Connection, Db, query, row
from tools import databases

Call: TypeAlias = Callable[[Connection, int], Awaitable[object]]

CALLS_A_ROUND: Final = 50

SCHEMA: Final = """
    CREATE TEMPORARY TABLE books (
        id bigint PRIMARY KEY, title text NOT NULL, author text NOT NULL, pages integer NOT NULL,
        price double precision NOT NULL
    );
    INSERT INTO books
    SELECT n, 'Title ' || n, 'Author ' || n, n, n / 8.0 FROM generate_series(1, 100) AS n;
    ANALYZE books;
"""


@row
class Book:
    id: int
    title: str
    author: str
    pages: int
    price: float


@query("SELECT title FROM books WHERE id = $1")
async def get_title(db: Db, id: int) -> str:
    raise NotImplementedError


async def get_title_by_hand(connection: Connection, id: int) -> Any:
    return await connection.fetchval("SELECT title FROM books WHERE id = $1", id)


@query("SELECT id, title, author, pages, price FROM books WHERE id = $1")
async def get_book(db: Db, id: int) -> Book:
    raise NotImplementedError


async def get_book_by_hand(connection: Connection, id: int) -> Book:
    record = await connection.fetchrow(
        "SELECT id, title, author, pages, price FROM books WHERE id = $1", id
    )
    if record is None:
        raise LookupError
    return Book(*record)


@query("SELECT id, title, author, pages, price FROM books WHERE id = $1")
async def find_book(db: Db, id: int) -> Book | None:
    raise NotImplementedError


async def find_book_by_hand(connection: Connection, id: int) -> Book | None:
    record = await connection.fetchrow(
        "SELECT id, title, author, pages, price FROM books WHERE id = $1", id
    )
    return None if record is None else Book(*record)


@query("SELECT id, title, author, pages, price FROM books WHERE id > $1 ORDER BY id LIMIT 20")
async def list_books(db: Db, after: int) -> list[Book]:
    raise NotImplementedError


async def list_books_by_hand(connection: Connection, after: int) -> list[Book]:
    records = await connection.fetch(
        "SELECT id, title, author, pages, price FROM books WHERE id > $1 ORDER BY id LIMIT 20",
        after,
    )
    return [Book(*record) for record in records]


@query("UPDATE books SET pages = pages WHERE id = $1")
async def touch_book(db: Db, id: int) -> Affected:
    raise NotImplementedError


async def touch_book_by_hand(connection: Connection, id: int) -> int:
    tag = await connection.execute("UPDATE books SET pages = pages WHERE id = $1", id)
    return int(tag.split()[-1])


CASES: Final[dict[str, tuple[Call, Call]]] = {
    "scalar": (get_title, get_title_by_hand),
    "one row": (get_book, get_book_by_hand),
    "optional row": (find_book, find_book_by_hand),
    "20 rows": (list_books, list_books_by_hand),
    "affected": (touch_book, touch_book_by_hand),
}


async def main(rounds: int) -> None:
    """Measure all cases."""
    with databases.server() as server:
        connection = await asyncpg.connect(server)
        try:
            await connection.execute(SCHEMA)
            print(json.dumps(await report(connection, rounds)))
        finally:
            await connection.close()


async def report(connection: Connection, rounds: int) -> dict[str, object]:
    """The measurements, and what they were made with."""
    cases = {
        name: await compare(connection, rounds, by_query, by_hand)
        for name, (by_query, by_hand) in CASES.items()
    }
    return {
        "python": platform.python_version(),
        "asyncpg": asyncpg.__version__,
        "postgresql": await connection.fetchval("SHOW server_version"),
        "cases": cases,
    }


async def compare(
    connection: Connection, rounds: int, by_query: Call, by_hand: Call
) -> dict[str, float]:
    """Median microseconds of either side, their ratio, and how far the ratio can be trusted."""
    ours: list[float] = []
    theirs: list[float] = []
    sides = [(by_query, ours), (by_hand, theirs)]
    for call, _ in sides:
        await seconds(connection, call)  # prepares the statement
    for _ in range(rounds):
        sides.reverse()
        for call, measured in sides:
            measured.append(await seconds(connection, call))
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return {
        "query": 1e6 * statistics.median(ours),
        "by_hand": 1e6 * statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "error": error_of_median(ratios),
    }


async def seconds(connection: Connection, call: Call) -> float:
    """The processor time of a call."""
    started = time.thread_time()
    for _ in range(CALLS_A_ROUND):
        await call(connection, 1)
    return (time.thread_time() - started) / CALLS_A_ROUND


def error_of_median(values: Sequence[float]) -> float:
    """Half of the median's 95 % interval (McGill, Tukey, Larsen: Variations of Box Plots, 1978)."""
    first, _, third = statistics.quantiles(values, n=4)
    return 1.57 * (third - first) / math.sqrt(len(values))


if __name__ == "__main__":
    gc.disable()  # its runs would hit one side or the other
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    uvloop.run(main(int(sys.argv[1])))
