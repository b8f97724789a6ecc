"""fastapi/full-stack-fastapi-template: FastAPI, SQLModel, psycopg.

As its image runs it, access log and all, with one worker instead of four.
"""

from pathlib import Path
from typing import ClassVar, Final

from benchmarks.peers.adapter import Address, Peer, Prepared, install
from benchmarks.stage.client import log_in
from benchmarks.stage.services import output_of

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
        settings = _settings(Address.of(database_url))
        programs = install(backend, scratch)
        for script in (("-c", _TABLES), ("app/initial_data.py",)):
            surroundings = settings | {"PYTHONPATH": str(backend)}
            output_of((programs / "python", *script), backend, surroundings)
        return Prepared((programs / "fastapi", "run", "app/main.py", "--port"), backend, settings)

    def sign_in(self, url: str) -> str:
        return log_in(f"{url}/api/v1/login/access-token", _EMAIL, _PASSWORD)


def _settings(address: Address) -> dict[str, str]:
    return {
        "PROJECT_NAME": "peer",
        "SECRET_KEY": "a secret for a benchmark alone, long enough",
        "FIRST_SUPERUSER": _EMAIL,
        "FIRST_SUPERUSER_PASSWORD": _PASSWORD,
        "DATABASE_URL": (
            f"postgresql://{address.user}:none@localhost:5432/{address.name_through_socket}"
        ),
        # The same for its releases before August 2026.
        "POSTGRES_SERVER": "localhost",
        "POSTGRES_USER": address.user,
        "POSTGRES_PASSWORD": "none",
        "POSTGRES_DB": address.name_through_socket,
    }
