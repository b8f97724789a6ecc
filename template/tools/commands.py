"""The commands that only development needs."""

import typer

from tools import dev


def add_to(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command("dev")(dev.dev)
