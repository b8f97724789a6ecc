"""``app init``: makes what must not be in the repository, once."""

import os
import secrets
from pathlib import Path
from typing import Final

import typer

from app.cli.failure import Failure

SECRETS: Final = Path("secrets")
ENVIRONMENT: Final = Path(".env")
_NONROOT: Final = 65532
"""The user "nonroot" of distroless images."""


def init() -> None:
    """Make the secrets and .env, once.

    Random keys and passwords go to secrets/, which only you can read, and are never overwritten:
    run again, the command makes what is missing and leaves the rest alone.
    """
    made = make_missing()
    for path in made:
        typer.echo(f"made {path}")
    if not made:
        typer.echo("nothing to do: the secrets and .env are there")


def make_missing() -> list[Path]:
    """Make each of the files that does not exist yet. Returns those made."""
    from app.auth.keys import generate_key_set
    from app.settings import Settings

    owner = _container_user()
    _make_folder(SECRETS)
    passwords = [name for name in Settings.model_fields if name.endswith("_password")]
    contents = {
        **{SECRETS / name: secrets.token_urlsafe(32) for name in passwords},
        SECRETS / "jwt_keys": generate_key_set(),
        ENVIRONMENT: _environment(owner),
    }
    made = [path for path, content in contents.items() if _make(path, content)]
    if os.geteuid() == 0:
        # A container gets the files with their owner, and does not run as root.
        for path in (SECRETS, *(path for path in made if path.parent == SECRETS)):
            os.chown(path, owner, owner)
    return made


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Failure(f"can't make the folder {path}: {error.strerror}") from error


def _make(path: Path, content: str) -> bool:
    """Write a file that only its owner can read, unless it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise Failure(f"can't write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    return True


def _container_user() -> int:
    """Whom the containers run as: you, who own the secrets; a nobody where you are root."""
    return os.geteuid() or _NONROOT


def _environment(user: int) -> str:
    return f"""\
# Yours, and not in the repository. Settings can be put here: .env.example lists them.

# Compose runs the service as this user, who owns the files in secrets/.
CONTAINER_USER={user}:{user}
"""
