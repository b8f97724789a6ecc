"""``app dev``: the service on this machine, with nothing else installed."""

import os
import signal
import sys
from typing import Final

import typer
import uvicorn
from fastapi import FastAPI

from app import about, settings
from app.cli.context import configured, run
from app.cli.serving import Host, Port
from app.db import connect, migrations
from app.main import create_app
from app.ops import logging
from app.settings import Settings

_DEFAULTS: Final = {"log_format": "console", "api_docs": True}
"""What is handier here than in production, unless somebody has set it."""


def dev(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the service here: embedded database, reload on change, readable logs.

    Needs nothing but the checkout. Set DATABASE_URL to use a database of your own.
    """
    # So that a stop by signal, too, ends what was started on the way here.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    typer.echo("starting the database")
    with configured() as found:
        run(_migrate(found))
        typer.echo(_welcome(host, port))
        # The server runs in a process of its own, a new one after each change.
        os.environ["DATABASE_URL"] = found.database_url.get_secret_value()
        logging.configure("warning", "console")
        uvicorn.run(
            "tools.dev:application",
            factory=True,
            host=host,
            port=port,
            reload=True,
            reload_dirs=["app"],
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )


def application() -> FastAPI:
    """Make the application, in the server's process."""
    found = settings.load()
    unset = {name: value for name, value in _DEFAULTS.items() if name not in found.model_fields_set}
    found = found.model_copy(update=unset)
    logging.configure(found.log_level, found.log_format)
    return create_app(found)


async def _migrate(found: Settings) -> None:
    connection = await connect(found.database)
    try:
        await migrations.migrate(
            connection, report=lambda migration: typer.echo(f"applied {migration.label}")
        )
    finally:
        await connection.close()


def _welcome(host: str, port: int) -> str:
    url = f"http://{host}:{port}"
    return f"""
{about.TITLE} listens on {url}

  Try it      {url}/docs
  Register    curl {url}/api/v1/auth/register --json \\
                '{{"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}}'
  Log in      curl {url}/api/v1/auth/login --json \\
                '{{"email": "ada@example.com", "password": "correct horse battery"}}'

Ctrl-C stops the service and its database, whose data is kept.
"""
