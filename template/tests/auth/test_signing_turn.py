"""A token is signed in a turn of the event loop to itself: with RS256 it takes as long as the rest
of a request, and whoever waits would wait for both.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pytest
from httpx import AsyncClient

from app import audit
from app.auth import sessions
from app.auth.tokens import AccessTokens
from tests.support.api import log_in, register

P = ParamSpec("P")
R = TypeVar("R")


async def test_signing_has_a_turn_to_itself(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0
    noted: list[int] = []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def noting(function: Callable[P, R]) -> Callable[P, R]:
        def noting_the_turn(*args: P.args, **kwargs: P.kwargs) -> R:
            noted.append(turns)
            return function(*args, **kwargs)

        return noting_the_turn

    await register(client)
    for place, name in (
        (audit, "login_succeeded"),
        (AccessTokens, "issue"),
        (sessions, "TokenPair"),
    ):
        monkeypatch.setattr(place, name, noting(getattr(place, name)))
    counting = asyncio.create_task(count())

    (await log_in(client)).raise_for_status()

    counting.cancel()
    before, signing, after = noted
    assert before < signing < after
