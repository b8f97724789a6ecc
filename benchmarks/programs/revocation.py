"""What it costs to ask whether an access token has been revoked, in four designs. Prints JSON.

Each round runs every design, in an order that turns: the signed-in user is read on one connection,
by keys drawn anew for each call, out of 100,000 users, as many sessions and as many blocked tokens.
The time is the caller's on the clock, PostgreSQL's share included.
"""

import json
import math
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import uvloop

from app.auth.queries import find_session_user
from app.db import Connection, Db, query
from app.ids import UserId
from app.users.queries import User
from tools import databases

CALLS_A_ROUND: Final = 50

SCHEMA: Final = """
    ALTER TABLE users ADD COLUMN epoch integer NOT NULL DEFAULT 1;
    CREATE TABLE blocked_tokens (id uuid PRIMARY KEY);
    INSERT INTO users (email, name, password_hash)
    SELECT 'user' || n || '@example.com', 'User', '$none$' FROM generate_series(1, 100000) AS n;
    INSERT INTO sessions (user_id, expires_at) SELECT id, now() + interval '1 day' FROM users;
    INSERT INTO blocked_tokens SELECT gen_random_uuid() FROM generate_series(1, 100000);
"""


@query("""
    SELECT id, email, name, role, created_at, updated_at
    FROM users
    WHERE id = $1 AND is_active
""")
async def find_user(db: Db, id: UserId) -> User | None:
    raise NotImplementedError


@query("""
    SELECT id, email, name, role, created_at, updated_at
    FROM users
    WHERE id = $1 AND is_active AND epoch = $2
""")
async def find_user_of_epoch(db: Db, id: UserId, epoch: int) -> User | None:
    raise NotImplementedError


@query("""
    SELECT id, email, name, role, created_at, updated_at
    FROM users
    WHERE id = $1 AND is_active AND NOT EXISTS (SELECT FROM blocked_tokens WHERE id = $2)
""")
async def find_user_unless_blocked(db: Db, id: UserId, token: Any) -> User | None:
    raise NotImplementedError


class Designs:
    """Each calls one design once, for a token drawn by chance."""

    def __init__(self, connection: Connection, tokens: Sequence[tuple[Any, Any]]) -> None:
        self._connection = connection
        self._tokens = tokens

    async def none(self) -> User | None:
        user, _ = random.choice(self._tokens)  # noqa: S311 -- nothing secret
        return await find_user(self._connection, user)

    async def epoch(self) -> User | None:
        user, _ = random.choice(self._tokens)  # noqa: S311
        return await find_user_of_epoch(self._connection, user, 1)

    async def blocklist(self) -> User | None:
        # The token's id: like a session's a UUID, and not blocked.
        user, session = random.choice(self._tokens)  # noqa: S311
        return await find_user_unless_blocked(self._connection, user, session)

    async def session(self) -> User | None:
        _, session = random.choice(self._tokens)  # noqa: S311
        return await find_session_user(self._connection, session)


async def main(rounds: int) -> None:
    """Measure all designs."""
    with databases.server() as server:
        admin = await asyncpg.connect(server)
        template = await databases.migrated_template(admin, server)
        async with databases.fresh_database(admin, server, template) as fresh:
            connection = await asyncpg.connect(fresh.dsn)
            await connection.execute(SCHEMA)
            await connection.execute("VACUUM ANALYZE")
            print(json.dumps(await report(connection, rounds)))
            await connection.close()
        await admin.close()


async def report(connection: Connection, rounds: int) -> dict[str, object]:
    """The measurements, and what they were made with."""
    tokens = [tuple(row) for row in await connection.fetch("SELECT user_id, id FROM sessions")]
    designs = Designs(connection, tokens)
    calls = [designs.none, designs.epoch, designs.blocklist, designs.session]
    taken: dict[str, list[float]] = {call.__name__: [] for call in calls}
    for _ in range(rounds):
        calls.append(calls.pop(0))
        for call in calls:
            started = time.perf_counter()
            for _ in range(CALLS_A_ROUND):
                if await call() is None:
                    raise LookupError(call.__name__)
            taken[call.__name__].append((time.perf_counter() - started) / CALLS_A_ROUND)
    return {
        "python": platform.python_version(),
        "asyncpg": asyncpg.__version__,
        "postgresql": await connection.fetchval("SHOW server_version"),
        "designs": {name: compared(taken[name], taken["none"]) for name in taken},
    }


def compared(one: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    """Median microseconds, the ratio to the other's, and how far the ratio can be trusted."""
    ratios = [a / b for a, b in zip(one, other, strict=True)]
    return {
        "microseconds": 1e6 * statistics.median(one),
        "ratio": statistics.median(ratios),
        "error": error_of_median(ratios),
    }


def error_of_median(values: Sequence[float]) -> float:
    """Half of the median's 95 % interval (McGill, Tukey, Larsen: Variations of Box Plots, 1978)."""
    first, _, third = statistics.quantiles(values, n=4)
    return 1.57 * (third - first) / math.sqrt(len(values))


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    uvloop.run(main(int(sys.argv[1])))
