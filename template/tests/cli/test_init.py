"""`app init`: the secrets, once."""

import json
import os
from pathlib import Path

import pytest

from app.auth.keys import KeySet
from app.settings import Settings
from tests.support.workspace import Run, tree

PASSWORDS = [name for name in Settings.model_fields if name.endswith("_password")]
SECRETS = [f"secrets/{name}" for name in (*PASSWORDS, "jwt_keys")]
MADE = [*SECRETS, ".env"]


def test_makes_what_is_missing(run: Run, workspace: Path) -> None:
    result = run("init")

    assert result.code == 0
    assert result.stdout.splitlines() == [f"made {path}" for path in MADE]
    assert all((workspace / path).is_file() for path in MADE)


def test_twice_changes_nothing(run: Run, workspace: Path) -> None:
    run("init")
    before = tree(workspace)

    result = run("init")

    assert result.code == 0
    assert result.stdout == "nothing to do: the secrets and .env are there\n"
    assert tree(workspace) == before


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read(run: Run, workspace: Path, umask: int) -> None:
    previous = os.umask(umask)
    try:
        run("init")
    finally:
        os.umask(previous)

    found = tree(workspace)
    assert found["secrets"][0] == 0o700
    assert {path: oct(found[path][0]) for path in MADE} == dict.fromkeys(MADE, "0o600")


@pytest.mark.parametrize("kept", MADE)
def test_overwrites_nothing(run: Run, workspace: Path, kept: str) -> None:
    (workspace / "secrets").mkdir()
    (workspace / kept).write_text("mine")

    result = run("init")

    assert result.code == 0
    assert result.stdout.splitlines() == [f"made {path}" for path in MADE if path != kept]
    assert (workspace / kept).read_text() == "mine"


def test_follows_no_dangling_link(run: Run, workspace: Path) -> None:
    (workspace / "secrets").mkdir()
    (workspace / "secrets" / "jwt_keys").symlink_to(workspace / "elsewhere")

    run("init")

    assert not (workspace / "elsewhere").exists()


def test_what_it_makes_is_random_and_strong(run: Run, workspace: Path) -> None:
    run("init")
    first = [(workspace / path).read_text() for path in SECRETS]
    for path in MADE:
        (workspace / path).unlink()
    run("init")
    second = [(workspace / path).read_text() for path in SECRETS]

    assert set(first).isdisjoint(second)
    assert all(len(text) >= 43 for text in first), "43 characters of base64 are 32 bytes"
    assert KeySet.parse(first[-1]).signing.kid == json.loads(first[-1])["keys"][0]["kid"]


def test_prints_no_secret(run: Run, workspace: Path) -> None:
    result = run("init")

    for path in SECRETS:
        assert (workspace / path).read_text().strip() not in result.stdout + result.stderr


def test_what_it_makes_is_found(run: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("init")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada@localhost/service")

    assert "JWT_KEYS=********" in run("config").stdout.splitlines()


def test_names_the_containers_user(run: Run, workspace: Path) -> None:
    run("init")
    owner = (workspace / "secrets" / "jwt_keys").stat().st_uid

    assert f"CONTAINER_USER={owner}:{owner}" in (workspace / ".env").read_text().splitlines()
    assert owner != 0, "containers do not run as root"


def test_a_file_in_the_way_is_a_sentence(run: Run, workspace: Path) -> None:
    (workspace / "secrets").write_text("")

    result = run("init")

    assert result.code == 1
    assert result.stderr == "error: can't make the folder secrets: File exists\n"
