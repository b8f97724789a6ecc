"""`app dev`: from nothing to a running service, and back."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpx import AsyncClient, TransportError

from app import about
from tests.support.api import log_in, register
from tests.support.private_server import remove
from tests.support.processes import PROJECT, command
from tests.support.waiting import until
from tests.tools.test_postgres import is_running

NEXT = f"{about.VERSION}.1"
"""Another version than the service's own."""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of the project that nothing has been run in yet."""
    for name in ("app", "tools", "migrations"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=ignored)
    yield tmp_path
    remove(tmp_path / ".postgres" / "development")


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else is given meanwhile: bound, though not listened on."""
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        yield reservation.getsockname()[1]


async def test_starts_with_nothing_reloads_and_leaves_nothing_running(checkout: Path) -> None:
    data = checkout / ".postgres" / "development"
    # Each process that still has its output open keeps exit_code() waiting.
    with reserved_port() as port:
        url = f"http://127.0.0.1:{port}"
        arguments = ("dev", "--port", str(port))
        async with AsyncClient(base_url=url) as client:
            async with command(*arguments, environment={}, directory=checkout) as process:
                await process.printed(f"listens on {url}$")
                await until(lambda: _has_version(client, about.VERSION))
                assert (await register(client)).status_code == 201
                assert "[error" not in process.output
                assert is_running(data)

                source = checkout / "app" / "about.py"
                source.write_text(source.read_text().replace(f'"{about.VERSION}"', f'"{NEXT}"'))
                await until(lambda: _has_version(client, NEXT))

                process.interrupt()
                assert await process.exit_code() == 0
                assert not is_running(data)
                assert "Traceback" not in process.output

            async with command(*arguments, environment={}, directory=checkout) as process:
                await until(lambda: _has_version(client, NEXT))
                assert (await log_in(client)).status_code == 200, "its data is there"

                process.interrupt()
                assert await process.exit_code() == 0


async def _has_version(client: AsyncClient, version: str) -> bool:
    try:
        return bool((await client.get("/health")).json()["version"] == version)
    except TransportError:
        return False


async def test_a_taken_port_is_told_before_anything_starts(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with command(
            "dev", "--port", str(port), environment={}, directory=checkout
        ) as process:
            assert await process.exit_code() == 1

    assert process.lines == [
        f"error: port {port} is taken: end what listens there, or choose another with --port"
    ]
    assert not (checkout / ".postgres").exists()


async def test_another_folder_is_left_as_it_is(checkout: Path) -> None:
    elsewhere = checkout / "docs"
    elsewhere.mkdir()
    environment = {"PYTHONPATH": str(checkout)}
    async with command(
        "dev", "--port", "0", environment=environment, directory=elsewhere
    ) as process:
        assert await process.exit_code() == 1

    assert process.lines[-1].startswith("error: there is no folder migrations/")
    assert not list(elsewhere.iterdir())


async def test_port_0_is_any_that_is_free(checkout: Path) -> None:
    async with command("dev", "--port", "0", environment={}, directory=checkout) as process:
        found = await process.printed(r"listens on (http://127.0.0.1:[1-9][0-9]*)$")
        async with AsyncClient(base_url=found[1]) as client:
            await until(lambda: _has_version(client, about.VERSION))

        process.interrupt()
        assert await process.exit_code() == 0
