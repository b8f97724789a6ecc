"""s3rius/FastAPI-template, a generator: FastAPI, SQLAlchemy, asyncpg, fastapi-users.

A REST service on PostgreSQL with users, and nothing that is not asked for. It is run as it runs
itself: one worker, with its access log. It wants Python 3.12 or newer.
"""

from pathlib import Path
from typing import ClassVar, Final

from benchmarks.peers.adapter import Peer, Prepared, install
from benchmarks.stage.client import log_in, post
from benchmarks.stage.services import output_of
from slipway import environment, find_uv

_NAME: Final = "peer"
_ANSWERS: Final = (
    *("--name", _NAME, "--quiet", "--api-type", "rest", "--db", "postgresql"),
    *("--orm", "sqlalchemy", "--ci", "none", "--add_users", "--jwt-auth", "--cookie-auth"),
)
_EMAIL: Final = "ada@example.com"
_PASSWORD: Final = "correct horse battery"  # noqa: S105 - of a database that lasts minutes

# Its settings have no place for a socket, which is all that the server listens on; so they are
# handed the whole address. What follows is what its __main__.py does.
_START: Final = f"""
import os, sys, uvicorn
from {_NAME}.settings import Settings, settings
Settings.db_url = property(lambda _: os.environ["DATABASE_URL"])
uvicorn.run(
    "{_NAME}.web.application:get_app",
    port=int(sys.argv[1]),
    log_level=settings.log_level.value.lower(),
    access_log=True,
    factory=True,
)
"""


class S3riusFastapiTemplate(Peer):
    ready: ClassVar[str] = "/api/health"
    me: ClassVar[str] = "/api/users/me"

    def prepare(self, scratch: Path, database_url: str) -> Prepared:
        scratch.mkdir()
        generator = (find_uv(), "tool", "run", "--quiet", "--from", self.source, "fastapi_template")
        output_of((*generator, *_ANSWERS), scratch, environment())
        project = scratch / _NAME
        programs = install(project, scratch)
        settings = {
            "DATABASE_URL": database_url.replace("postgresql://", "postgresql+asyncpg://"),
            "USERS_SECRET": "a secret for a benchmark alone, long enough",
        }
        return Prepared((programs / "python", "-c", _START), project, settings)

    def sign_in(self, url: str) -> str:
        post(url, "/api/auth/register", {"email": _EMAIL, "password": _PASSWORD})
        return log_in(f"{url}/api/auth/jwt/login", _EMAIL, _PASSWORD)
