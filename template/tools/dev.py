"""``app dev``: the service on this machine, with nothing else installed."""

import errno
import os
import socket
from typing import TYPE_CHECKING

import typer

from app import about
from app.cli.failure import Failure
from app.cli.serving import Host, Port

if TYPE_CHECKING:
    from app.settings import Settings


def dev(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the service here: embedded database, reload on change, readable logs.

    Needs nothing but the checkout. Set DATABASE_URL to use a database of your own.
    """
    import uvicorn
    from uvicorn.supervisors import ChangeReload

    from app.cli.context import configured, run
    from app.http.protocol import HttpProtocol
    from app.ops import logging
    from tools import environment

    listener = _listen(host, port)
    typer.echo("starting the database")
    with configured() as found:
        run(_migrate(found))
        typer.echo(_welcome(*listener.getsockname()[:2]))
        # The server runs in a process of its own, a new one after each change.
        for name in environment.PROVIDED:
            os.environ[name.upper()] = getattr(found, name).get_secret_value()
        logging.configure("warning", "console")
        config = uvicorn.Config(
            "tools.application:create",
            factory=True,
            http=HttpProtocol,
            reload=True,
            reload_dirs=["app"],
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )
        ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()


def _listen(host: str, port: int) -> socket.socket:
    """Listen from the start, so that a taken port is told at once. Raises `Failure`.

    Requests wait, until the service has started and while it is being reloaded.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failure(
                f"port {port} is taken: end what listens there, or choose another with --port"
            ) from error
        reason = error.strerror or error
        raise Failure(f"can't listen on {host}, port {port}: {reason}") from error


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
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return f"""
{about.TITLE} listens on {url}

  Try it      {url}/docs
  Register    curl {url}/api/v1/auth/register --json \\
                '{{"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}}'
  Log in      curl {url}/api/v1/auth/login --json \\
                '{{"email": "ada@example.com", "password": "correct horse battery"}}'

Ctrl-C stops the service and its database, whose data is kept.
"""
