"""Work that is done now and then, beside the requests."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

import structlog

logger = structlog.get_logger("app.background")

_SPREAD: Final = 0.5
"""The part of the interval by which a pause may be shorter or longer, so that replicas which were
started together don't stay together."""
_PATIENCE: Final = 1
"""Seconds for the work to end when it is cancelled: a query does not where the database hangs."""


@asynccontextmanager
async def every(
    interval: float, work: Callable[[], Awaitable[None]], *, name: str
) -> AsyncIterator[None]:
    """Do ``work`` in the background, about every ``interval`` seconds, until the end of the block.

    An error ends a turn, not the service. It is logged when the turn before went well or failed
    with another one: a database that is away for hours is no news each time.
    """
    task = asyncio.create_task(_repeat(interval, work, name), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=_PATIENCE)


async def _repeat(interval: float, work: Callable[[], Awaitable[None]], name: str) -> None:
    task = cast("asyncio.Task[None]", asyncio.current_task())
    known: type[Exception] | None = None
    while True:
        await asyncio.sleep(interval * random.uniform(1 - _SPREAD, 1 + _SPREAD))  # noqa: S311
        try:
            await work()
        except Exception as error:  # whatever it was: there is a next turn
            if task.cancelling():
                return  # what became of a cancelled query on its way out
            if type(error) is not known:
                logger.exception("background_work_failed", work=name)
            known = type(error)
        else:
            if known:
                logger.info("background_work_recovered", work=name)
            known = None
