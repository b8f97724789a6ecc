"""Callers who don't wait between their requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from httpx import AsyncClient, Response

from tests.support.api import Account, sign_up
from tests.support.waiting import until

CALLERS: Final = 10


class Load:
    """Callers that ask for their account again as soon as they are answered."""

    def __init__(self, client: AsyncClient, account: Account) -> None:
        self.answers: list[Response] = []
        self._latest: dict[int, int] = {}
        self._client = client
        self._headers = account.headers

    async def until_all_are_answered(self, status: int) -> None:
        """Wait until that is the last answer that each of them has got, from now on."""
        self._latest.clear()

        async def so() -> bool:
            return len(self._latest) == CALLERS and set(self._latest.values()) == {status}

        await until(so)

    async def call(self, caller: int) -> None:
        while True:
            answer = await self._client.get("/api/v1/users/me", headers=self._headers)
            self.answers.append(answer)
            self._latest[caller] = answer.status_code


@asynccontextmanager
async def load(client: AsyncClient) -> AsyncIterator[Load]:
    """Callers that call until the end of the block."""
    found = Load(client, await sign_up(client))
    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(found.call(number)) for number in range(CALLERS)]
        yield found
        for caller in callers:
            caller.cancel()
