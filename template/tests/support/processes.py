"""Commands and the service itself as processes of their own, as an operator runs them."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from app.settings import Settings

PROJECT: Final = Path(__file__).parents[2]
_PATIENCE: Final = 30
"""Seconds after which what a test waits for is not going to happen."""


class Process:
    """A running command, and what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._printed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())
        self.pid = process.pid
        """Also the id of its process group."""
        self.lines: list[str] = []

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    async def printed(self, pattern: str) -> re.Match[str]:
        """Wait until a line matches."""
        async with asyncio.timeout(_PATIENCE), self._printed:
            while True:
                for line in self.lines:
                    if found := re.search(pattern, line):
                        return found
                if self._reader.done():
                    raise AssertionError(f"{pattern!r} was never printed, but:\n{self.output}")
                await self._printed.wait()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def interrupt(self) -> None:
        """What Ctrl-C does: the terminal signals all of the process group."""
        os.killpg(self.pid, signal.SIGINT)

    async def exit_code(self) -> int:
        """Wait for the end."""
        async with asyncio.timeout(_PATIENCE):
            await self._reader
            return await self._process.wait()

    async def end(self) -> None:
        """Kill it, if a test that failed has left it running."""
        if self._process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
        await self._reader
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            async with self._printed:
                self.lines.append(line.decode().rstrip("\n"))
                self._printed.notify_all()
        async with self._printed:
            self._printed.notify_all()


@asynccontextmanager
async def command(
    *arguments: str, environment: Mapping[str, str], directory: Path | None = None
) -> AsyncIterator[Process]:
    """Run ``app`` with these arguments, and with nothing but ``environment`` set.

    The project's folder would set more: it has the developer's ``.env`` and secrets.
    """
    with TemporaryDirectory() as empty:
        (Path(empty) / "migrations").symlink_to(PROJECT / "migrations")
        process = Process(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app", *arguments),
                cwd=directory or empty,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(PROJECT),
                    "PYTHONUNBUFFERED": "1",
                    **environment,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        )
        try:
            yield process
        finally:
            await process.end()


@asynccontextmanager
async def serving(
    environment: Mapping[str, str], directory: Path | None = None
) -> AsyncIterator[tuple[Process, str]]:
    """Run ``app serve``: the process and the URL that it answers on."""
    arguments = ("serve", "--port", "0")
    async with command(*arguments, environment=environment, directory=directory) as process:
        found = await process.printed(r"Uvicorn running on (http://[0-9.:]+)")
        yield process, found[1]


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that makes a process find these settings.

    It sends no telemetry, if it has any: a stop would wait for a collector that is not there.
    """
    dumped = settings.model_dump(include=settings.model_fields_set, exclude_none=True)
    return {"OTEL_SDK_DISABLED": "true"} | {
        name.upper(): value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for name, value in dumped.items()
    }
