"""Signing keys are rotated under two replicas, and no token of either is refused."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from httpx import AsyncClient

from app.auth.key_file import change_file
from app.secret_files import SecretFile
from app.settings import Settings
from tests.support.api import bearer, log_in, register
from tests.support.processes import PROJECT, Process, command, environment_of, serving
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Replica:
    process: Process
    client: AsyncClient

    async def issue(self) -> str:
        """A token of this replica's."""
        answer = (await log_in(self.client)).raise_for_status()
        return str(answer.json()["access_token"])


class Deployment:
    """Replicas of the service that share one key file, and the commands of its operator."""

    def __init__(self, folder: Path, environment: dict[str, str], stack: AsyncExitStack) -> None:
        self._folder = folder
        self._environment = environment
        self._stack = stack
        self._file = folder / "secrets" / "jwt_keys"
        self.replicas: list[Replica] = []

    async def start_replica(self) -> Replica:
        process, url = await self._stack.enter_async_context(
            serving(self._environment, self._folder)
        )
        client = await self._stack.enter_async_context(AsyncClient(base_url=url, timeout=30))
        replica = Replica(process, client)
        self.replicas.append(replica)
        return replica

    async def run(self, *arguments: str) -> tuple[int, str]:
        async with command(
            *arguments, environment=self._environment, directory=self._folder
        ) as process:
            return await process.exit_code(), process.output

    @property
    def keys(self) -> list[dict[str, Any]]:
        keys: list[dict[str, Any]] = json.loads(self._file.read_text())["keys"]
        return keys

    def let_time_pass(self) -> None:
        """Bring the moment near at which the newest key begins to sign."""

        def soon(text: str) -> str:
            document = json.loads(text)
            document["keys"][0]["nbf"] = int(time.time()) + 3
            return json.dumps(document)

        change_file(SecretFile(self._file, mounted=False), soon)

    async def statuses(self, token: str) -> list[int]:
        """What each replica answers to the token."""
        return [
            (await replica.client.get("/api/v1/users/me", headers=bearer(token))).status_code
            for replica in self.replicas
        ]


@pytest.fixture
async def deployment(settings: Settings, tmp_path: Path) -> AsyncIterator[Deployment]:
    (tmp_path / "migrations").symlink_to(PROJECT / "migrations")
    environment = environment_of(settings) | {
        "LOGIN_ACCOUNT_LIMIT": "100000 per hour",
        "LOGIN_ADDRESS_LIMIT": "100000 per hour",
    }
    del environment["JWT_KEYS"]
    async with AsyncExitStack() as stack:
        deployment = Deployment(tmp_path, environment, stack)
        assert (await deployment.run("init"))[0] == 0
        yield deployment


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def test_of_two_replicas_no_token_is_refused(deployment: Deployment) -> None:
    first = await deployment.start_replica()
    await register(first.client)
    before = await first.issue()

    assert (await deployment.run("keys", "rotate"))[0] == 0
    second = await deployment.start_replica()
    new, old = (key["kid"] for key in deployment.keys)
    early = await second.issue()

    # The second one has never known the file without the new key, and yet it does not sign.
    assert kid_of(before) == kid_of(early) == old
    assert await deployment.statuses(before) == await deployment.statuses(early) == [200, 200]

    await first.process.printed(rf"{new}.*keys_loaded|keys_loaded.*{new}")
    deployment.let_time_pass()
    signed_with: list[set[str]] = []

    async def handed_over() -> bool:
        tokens = [await replica.issue() for replica in deployment.replicas]
        signed_with.append({kid_of(token) for token in tokens})
        for token in tokens:
            assert await deployment.statuses(token) == [200, 200]
        return signed_with[-1] == {new}

    await until(handed_over)

    assert signed_with[0] == {old}
    assert await deployment.statuses(before) == await deployment.statuses(early) == [200, 200]
    code, output = await deployment.run("keys", "retire", old)
    assert code == 1
    assert "may be good until" in output
