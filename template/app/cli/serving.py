"""``app serve``: runs the service."""

from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Run the service: for production."""
    from app.cli.context import configured, run
    from app.main import create_app
    from app.ops import logging
    from app.server import serve as run_server

    with configured() as settings:
        logging.configure(settings.log_level, settings.log_format)
        run(_prepare(settings))
        code = run_server(create_app(settings), settings, host=host, port=port)
    raise typer.Exit(code)
