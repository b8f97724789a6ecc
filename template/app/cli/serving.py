"""``app serve``: runs the service."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)]


def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the service: for production."""
    from app.ops import imports, memory

    memory.grow()  # most of it with the imports
    imports.import_libraries()

    from app.cli.context import configured, run
    from app.main import create_app
    from app.ops import logging
    from app.server import serve as run_server

    with configured() as settings:
        logging.configure(settings.log_level, settings.log_format)
        run(prepare(settings))
        code = run_server(create_app(settings), settings, host=host, port=port)
    raise typer.Exit(code)


async def prepare(settings: "Settings") -> None:
    """Migrate if the settings say so. Raises `Failure` where the schema is behind this release."""
    from app.cli.context import require_schema, require_session
    from app.db import connect, migrations

    connection = await connect(settings.database)
    try:
        if settings.migrate_on_start:
            require_session(settings)
            await migrations.migrate(connection)
        await require_schema(connection)
    finally:
        await connection.close()
