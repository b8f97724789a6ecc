"""The command line: ``app --help``.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

import signal
import sys
from importlib.util import find_spec
from types import FrameType
from typing import NoReturn

import typer

from app import about
from app.cli import configuration, database, initialise, keys, serving, users, versioning
from app.cli.failure import Failure

app = typer.Typer(
    help=f"{about.TITLE}: {about.DESCRIPTION}",
    no_args_is_help=True,
    rich_markup_mode=None,  # what people call things is text, not markup
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(initialise.init)
app.command("serve")(serving.serve)
app.add_typer(database.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.command("openapi")(configuration.openapi)
app.command("config")(configuration.config)
app.command("version")(versioning.version)

# What only development needs is not in the image.
if find_spec("tools"):
    from tools import commands

    commands.add_to(app)


def main() -> None:
    """Run a command. Exits with 0, with 1 where it failed, with 2 where the call was wrong."""
    # The first process of a container ignores what it has no handler for.
    signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)  # noqa: T201 -- what a command is for
        sys.exit(1)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """End the command tidily, with the code by which a shell knows of a signal."""
    sys.exit(128 + number)
