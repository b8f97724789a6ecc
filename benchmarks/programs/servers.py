"""Runs the servers that a service needs until it is told to stop: PostgreSQL, and Valkey where
attempts are counted there. Prints, once they are there, the addresses of a migrated database and of
an empty one for each argument, PostgreSQL's process, and settings for the service, as JSON.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import asyncpg

from tools import databases, ratelimit_backend


async def main(names: Sequence[str]) -> None:
    """Hold them open."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with databases.server() as server, ratelimit_backend.development() as settings:
        admin = await asyncpg.connect(server)
        template = await databases.migrated_template(admin, server)
        async with AsyncExitStack() as held:

            async def address(template: str = "template0") -> str:
                copy = databases.fresh_database(admin, server, template)
                return (await held.enter_async_context(copy)).dsn

            found = {
                "service": await address(template),
                "empty": {name: await address() for name in names},
                "postmaster": await postmaster(admin),
                "settings": {name.upper(): value for name, value in settings.items()},
            }
            print(json.dumps(found), flush=True)
            await stopped.wait()
        await admin.close()


async def postmaster(admin: "asyncpg.Connection[asyncpg.Record]") -> int:
    """The process that all of the server's others are children of."""
    pid_file: str = await admin.fetchval("SELECT pg_read_file('postmaster.pid')")
    return int(pid_file.split()[0])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
