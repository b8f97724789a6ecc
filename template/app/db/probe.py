"""Does the database answer?"""

import asyncio

from app.db.database import Database
from app.db.queries import ping


class Probe:
    """Asks the database whether it answers, one question at a time.

    A server that hangs holds back whoever awaits the query, even when cancelled, until the
    connection is given up. So the query is a task of its own, which all who ask meanwhile share.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[bool] | None = None

    async def answers(self, within: float) -> bool:
        """Whether the database has answered in ``within`` seconds."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._ask())
        asked = self._task  # by the time that this one is done, somebody may have asked again
        done, _ = await asyncio.wait({asked}, timeout=within)
        return bool(done) and asked.result()

    async def _ask(self) -> bool:
        try:
            await ping(self._database)
        except Exception:  # whatever it was: no answer
            return False
        return True
