"""New signing keys, taken over while the service runs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.auth.key_watch import following
from app.auth.keys import KeySet, generate_key_set
from app.secret_files import SecretFile
from tests.support.waiting import until


def put(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Write a file as whoever looks at it should: it appears whole."""
    new = path.with_suffix(".new")
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.chmod(mode)
    new.replace(path)


@pytest.fixture
def file(tmp_path: Path) -> SecretFile:
    put(tmp_path / "jwt_keys", generate_key_set())
    return SecretFile(tmp_path / "jwt_keys", mounted=False)


@pytest.fixture
async def keys(file: SecretFile) -> AsyncIterator[KeySet]:
    """Those in the file, followed."""
    text = file.read()
    keys = KeySet.parse(text)
    async with following(file, text, keys, interval=0.01):
        yield keys


async def logged(logs: list[EventDict], event: str, times: int = 1) -> EventDict:
    """Wait until something has been logged."""

    async def found() -> bool:
        return len([line for line in logs if line["event"] == event]) == times

    await until(found)
    return next(line for line in reversed(logs) if line["event"] == event)


async def test_keys_are_those_in_the_file(keys: KeySet, file: SecretFile) -> None:
    text = generate_key_set()
    new = KeySet.parse(text).signing.kid

    with capture_logs() as logs:
        put(file.path, text)
        line = await logged(logs, "keys_loaded")

    assert keys.signing.kid == new
    assert line["kids"] == [new]
    assert text not in str(logs)


async def test_keys_are_followed_through_links(tmp_path: Path) -> None:
    """Kubernetes puts a new folder in the place of the old one."""
    for name in ("..old", "..new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "jwt_keys").write_text(generate_key_set())
    (tmp_path / "..data").symlink_to("..old")
    (tmp_path / "jwt_keys").symlink_to("..data/jwt_keys")
    file = SecretFile(tmp_path / "jwt_keys", mounted=True)
    text = file.read()
    keys = KeySet.parse(text)

    async with following(file, text, keys, interval=0.01):
        with capture_logs() as logs:
            (tmp_path / "..data_tmp").symlink_to("..new")
            (tmp_path / "..data_tmp").replace(tmp_path / "..data")
            await logged(logs, "keys_loaded")

    assert keys.signing.kid == KeySet.parse(file.read()).signing.kid
    assert keys.get(KeySet.parse(text).signing.kid) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"keys": []}', b'{"keys": [{"kid": "bad"}]}', b"\xff"]
)
async def test_what_is_no_key_set_changes_nothing(
    keys: KeySet, file: SecretFile, content: bytes
) -> None:
    kid = keys.signing.kid
    good = file.path.read_bytes()

    with capture_logs() as logs:
        put(file.path, content)
        await logged(logs, "keys_not_loaded")
        assert keys.signing.kid == kid
        put(file.path, good)
        await logged(logs, "keys_loaded")

    assert keys.signing.kid == kid
    assert len(logs) == 2, "each once"


async def test_a_file_that_others_can_read_changes_nothing(keys: KeySet, file: SecretFile) -> None:
    kid = keys.signing.kid

    with capture_logs() as logs:
        put(file.path, generate_key_set(), mode=0o666)
        line = await logged(logs, "keys_not_loaded")

    assert "chmod 600" in line["error"]
    assert keys.signing.kid == kid


async def test_a_file_that_goes_away_changes_nothing(keys: KeySet, file: SecretFile) -> None:
    kid = keys.signing.kid

    with capture_logs() as logs:
        file.path.unlink()
        line = await logged(logs, "keys_not_loaded")

    assert "No such file" in line["error"]
    assert keys.signing.kid == kid


async def test_keys_from_elsewhere_stay_as_they_are() -> None:
    text = generate_key_set()
    before = asyncio.all_tasks()

    async with following(None, text, KeySet.parse(text)):
        assert asyncio.all_tasks() == before


async def test_nothing_is_left_behind(file: SecretFile) -> None:
    before = asyncio.all_tasks()

    async with following(file, file.read(), KeySet.parse(file.read()), interval=0.01):
        assert len(asyncio.all_tasks() - before) == 1

    assert asyncio.all_tasks() == before
