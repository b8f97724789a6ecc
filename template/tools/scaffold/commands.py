"""``app new``, on the command line."""

from typing import Annotated, Final

import typer

app = typer.Typer(help="Add code to begin with, in the service's own style.", no_args_is_help=True)

_FIELD_HELP: Final = (
    "A name and a type, with ? where it may be left out: title:line, price:numeric?. Types: line, "
    "text, int, bigint, bool, numeric, date, timestamptz, uuid."
)


@app.callback()
def _group() -> None:
    """A group, though there is one command in it."""


@app.command()
def resource(
    name: Annotated[str, typer.Argument(help="In the plural: books.", show_default=False)],
    fields: Annotated[
        list[str],
        typer.Argument(metavar="FIELD:TYPE", help=_FIELD_HELP, show_default=False),
    ],
    singular: Annotated[
        str | None,
        typer.Option(help="What one is called, where it is not the plural without its s."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show it as a diff, and write nothing.")
    ] = False,
) -> None:
    """Add a resource: a table, its queries, an API to make, list, read, change and delete, tests.

    Each belongs to the user who made it, and to others it does not exist. The code is yours to
    change from then on. Either all of it is written, or nothing.
    """
    from tools.scaffold import changes
    from tools.scaffold.names import Refusal
    from tools.scaffold.rendering import tests_of
    from tools.scaffold.resource import plan

    try:
        planned = plan(name, fields, singular)
    except Refusal as refusal:
        raise typer.BadParameter(str(refusal)) from refusal
    if dry_run:
        typer.echo(changes.diff(planned), nl=False)
        typer.echo("and the snapshot of its SQL, in sql/", err=True)
        return
    made = changes.with_snapshot(planned)
    changes.carry_out(made)
    for path in made:
        typer.echo(f"wrote {path}")
    typer.echo(f"try it: uv run pytest {tests_of(name)}")
