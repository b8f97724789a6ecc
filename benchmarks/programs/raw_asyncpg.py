"""The service's query by asyncpg alone: the address, which one, for how many seconds. Prints JSON.

On a pool of ten connections that are not reset, in sixteen tasks, as a service has it; rows are not
made into anything.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import uvloop
from statements import PAGE, USER

from app.ids import LAST_ID

TASKS: Final = 16
LIMIT: Final = 21


async def main(address: str, work: str, seconds: float) -> None:
    """Run the query until the time is over."""
    async with asyncpg.create_pool(address, min_size=10, max_size=10, reset=keep) as pool:
        session = await pool.fetchval("SELECT id FROM sessions LIMIT 1")
        query, *arguments = (USER, session) if work == "me" else (PAGE, LAST_ID, LIMIT)
        started = time.perf_counter()
        before = time.process_time()
        ends_at = started + seconds
        counts = await asyncio.gather(
            *(repeat(pool, query, arguments, ends_at) for _ in range(TASKS))
        )
        queries = sum(counts)
        took = time.perf_counter() - started
    spent = time.process_time() - before
    print(json.dumps({"rate": queries / took, "microseconds": 1e6 * spent / queries}))


async def repeat(
    pool: "asyncpg.Pool[asyncpg.Record]", query: str, arguments: Sequence[Any], ends_at: float
) -> int:
    """How many queries were answered in time."""
    count = 0
    while time.perf_counter() < ends_at:
        await pool.fetch(query, *arguments)
        count += 1
    return count


async def keep(_: Any) -> None:
    """In place of asyncpg's reset of a connection that goes back to the pool."""


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
