"""Runs a migrated database until it is told to stop. Prints the address, once it is there."""

import asyncio
import signal

import asyncpg

from tools import databases


async def main() -> None:
    """Hold the database open."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with databases.server() as server:
        admin = await asyncpg.connect(server)
        template = await databases.migrated_template(admin, server)
        async with databases.fresh_database(admin, server, template) as fresh:
            print(fresh.dsn, flush=True)
            await stopped.wait()
        await admin.close()


if __name__ == "__main__":
    asyncio.run(main())
