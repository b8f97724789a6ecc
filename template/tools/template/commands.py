"""``app template``, on the command line."""

from typing import Annotated

import typer

app = typer.Typer(
    help="See what is new in the template that this service was rendered from, and get it.",
    no_args_is_help=True,
)


@app.command()
def status() -> None:
    """Show the version that the service is on, newer ones, and what they change."""
    from tools.template import updating

    updating.status()


@app.command()
def update(
    to: Annotated[
        str, typer.Option(help="A release, or a commit of the template.", show_default="the newest")
    ] = "",
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="QUESTION=ANSWER", help="Change an answer. May be given repeatedly."),
    ] = None,
    test: Annotated[bool, typer.Option(help="Run the service's checks and tests after.")] = True,
) -> None:
    """Update the service from its template, with your changes kept; then check and test it.

    Commit your work first. Nothing is committed by this: look at the result with git diff.
    """
    from tools.template import updating

    updating.update(to, data or [], test=test)
