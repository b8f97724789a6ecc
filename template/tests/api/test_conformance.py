"""The service does what its OpenAPI description says, and nothing else: schemathesis tries.

Every check is on. The requests are the same each time; others, and more, are tried by

    SCHEMATHESIS_EXAMPLES=200 uv run pytest tests/api/test_conformance.py
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

import pytest

from app.db import Connection
from app.settings import Settings
from tests.support.processes import PROJECT, Process, environment_of, serving

_EXAMPLES: Final = os.environ.get("SCHEMATHESIS_EXAMPLES")
"""How many requests to make up for each operation, besides those that cover its description."""
_REPEATABLE: Final = ["--max-examples=5", "--generation-deterministic"]

_TAKEN: Final = {
    "POST /api/v1/auth/login",
    "GET /api/v1/users/me",
    "PATCH /api/v1/users/me",
    "PUT /api/v1/users/me/password",
    "DELETE /api/v1/users/me",
}
"""What succeeds with the examples alone: the callers are who they should be."""


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """A service that answers as often as it is asked."""
    limits = [name.upper() for name in Settings.model_fields if name.endswith("_limit")]
    return environment_of(settings) | dict.fromkeys(limits, "1000000 per hour")


@pytest.mark.parametrize("caller", ["nobody", "user", "admin"])
async def test_nothing_is_found(environment: dict[str, str], caller: str) -> None:
    async with serving(environment) as (service, url):
        code, report = await _schemathesis(url, {**environment, "CALLER": caller})

        assert code == 0, report
        assert _errors(service) == []
        assert caller == "nobody" or _succeeded(service) >= _TAKEN


async def test_a_fault_is_found(environment: dict[str, str], connection: Connection) -> None:
    async with serving(environment) as (_, url):
        await connection.execute("DROP TABLE users CASCADE")

        code, report = await _schemathesis(
            url, {**environment, "CALLER": "nobody"}, "--include-operation-id=read_user"
        )

        assert code == 1, report
        assert "Server error" in report


async def _schemathesis(url: str, environment: Mapping[str, str], *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli"),
        "--config-file=tests/support/schemathesis.toml",
        *("run", f"{url}/openapi.json", "--no-color", *options),
        *([f"--max-examples={_EXAMPLES}"] if _EXAMPLES else _REPEATABLE),
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "SERVICE_URL": url, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def _succeeded(service: Process) -> set[str]:
    """The operations that have been answered other than with an error."""
    return {
        f"{record['method']} {record['route']}"
        for record in _records(service)
        if record["message"] == "request" and record["status"] < 400
    }


def _errors(service: Process) -> list[dict[str, Any]]:
    """The service's own, and those of tasks that nobody awaits."""
    return [
        record
        for record in _records(service)
        if record["level"] == "error" and record["logger"].startswith(("app.", "asyncio"))
    ]


def _records(service: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.lines if line.startswith("{")]
