"""The commands that only development needs."""

import typer

from tools import dev, smoke
from tools.checker import commands as checker
from tools.scaffold import commands as scaffold
from tools.template import commands as template


def add_to(app: typer.Typer) -> None:
    """Add them to the command line."""
    app.command("dev")(dev.dev)
    app.command("smoke")(smoke.smoke)
    app.add_typer(scaffold.app, name="new")
    app.add_typer(checker.app, name="sql")
    app.add_typer(template.app, name="template")
