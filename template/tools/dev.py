"""``app dev``: the service on this machine, with nothing else installed."""

import os
from typing import TYPE_CHECKING

import typer

from app import about
from app.cli.serving import Host, Port

if TYPE_CHECKING:
    from app.settings import Settings


def dev(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the service here: embedded database, reload on change, readable logs.

    Needs nothing but the checkout. Set DATABASE_URL to use a database of your own.
    """
    import uvicorn

    from app.cli.context import configured, run
    from app.ops import logging

    typer.echo("starting the database")
    with configured() as found:
        run(_migrate(found))
        typer.echo(_welcome(host, port))
        # The server runs in a process of its own, a new one after each change.
        os.environ["DATABASE_URL"] = found.database_url.get_secret_value()
        logging.configure("warning", "console")
        uvicorn.run(
            "tools.application:create",
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


async def _migrate(found: "Settings") -> None:
    from app.db import connect, migrations

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
