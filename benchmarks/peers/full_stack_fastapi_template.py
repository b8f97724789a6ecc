"""fastapi/full-stack-fastapi-template: FastAPI, SQLModel, psycopg.

As its image runs it, access log and all, with one worker instead of four.
"""

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks.peers.adapter import Peer, Prepared
from slipway import find_uv

_EMAIL: Final = "admin@example.com"
_PASSWORD: Final = "correct horse battery"  # noqa: S105 - of a database that lasts minutes

# As its app/core/db.py describes. Its migrations want the extension uuid-ossp, which the embedded
# server comes without.
_TABLES: Final = (
    "from app.core.db import engine; from app.models import SQLModel;"
    " SQLModel.metadata.create_all(engine)"
)


class FullStackFastapiTemplate(Peer):
    ready: ClassVar[str] = "/api/v1/utils/health-check/"
    me: ClassVar[str] = "/api/v1/users/me"

    def prepare(self, scratch: Path, database_url: str) -> Prepared:
        backend = self.source / "backend"
        environment = scratch / "venv"
        settings = _settings(database_url)
        surroundings = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)}
        surroundings.pop("VIRTUAL_ENV", None)  # not the one meant
        sync = (find_uv(), "sync", "--frozen", "--no-dev", "--quiet")
        subprocess.run(sync, cwd=backend, env=surroundings, check=True)
        programs = environment / "bin"
        for script in (("-c", _TABLES), ("app/initial_data.py",)):
            done = subprocess.run(
                [programs / "python", *script],
                cwd=backend,
                env=settings | {"PYTHONPATH": str(backend)},
                check=False,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise SystemExit(f"full-stack-fastapi-template failed:\n{done.stderr[-3000:]}")
        return Prepared((programs / "fastapi", "run", "app/main.py", "--port"), backend, settings)

    def sign_in(self, url: str) -> str:
        form = urlencode({"username": _EMAIL, "password": _PASSWORD}).encode()
        request = urllib.request.Request(f"{url}/api/v1/login/access-token", form)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            token: str = json.load(answer)["access_token"]
            return token


def _settings(database_url: str) -> dict[str, str]:
    address = urlsplit(database_url)
    user, name = address.username or "", address.path.strip("/")
    socket = parse_qs(address.query)["host"][0]
    # Where libpq is told a host twice, the later one counts.
    through_socket = f"{name}?{urlencode({'host': socket})}"
    return {
        "PROJECT_NAME": "peer",
        "SECRET_KEY": "a secret for a benchmark alone, long enough",
        "FIRST_SUPERUSER": _EMAIL,
        "FIRST_SUPERUSER_PASSWORD": _PASSWORD,
        "DATABASE_URL": f"postgresql://{user}:none@localhost:5432/{through_socket}",
        # The same for its releases before August 2026.
        "POSTGRES_SERVER": "localhost",
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": "none",
        "POSTGRES_DB": through_socket,
    }
