"""Takes over new signing keys while the service runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, NoReturn

import structlog

from app.auth.keys import KeySet
from app.secret_files import SecretFile, SecretFileError

logger = structlog.get_logger("app.keys")

INTERVAL: Final = 2.0
"""Seconds between two looks at the file."""


@asynccontextmanager
async def following(
    file: SecretFile | None, text: str, keys: KeySet, *, interval: float = INTERVAL
) -> AsyncIterator[None]:
    """Keep ``keys``, read from ``text``, as the file has them; keys from elsewhere stay as they
    are. What can't be used is logged, and changes nothing.
    """
    if file is None:
        yield
        return
    task = asyncio.create_task(_follow(file, text, keys, interval))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(file: SecretFile, text: str, keys: KeySet, interval: float) -> NoReturn:
    # Asked for again and again: no notification tells of what Kubernetes does with its links.
    seen = text
    while True:
        await asyncio.sleep(interval)
        found = await asyncio.to_thread(_look, file)
        if str(found) != seen:
            seen = str(found)
            await _take_over(found, keys, file)


def _look(file: SecretFile) -> str | SecretFileError:
    try:
        return file.read()
    except SecretFileError as error:
        return error


async def _take_over(found: str | SecretFileError, keys: KeySet, file: SecretFile) -> None:
    try:
        if isinstance(found, SecretFileError):
            raise found
        keys.replace(await asyncio.to_thread(KeySet.parse, found))
    except (SecretFileError, ValueError) as error:
        logger.error("keys_not_loaded", file=str(file.path), error=str(error))
    else:
        logger.info("keys_loaded", file=str(file.path), kids=[term.kid for term in keys.terms])
