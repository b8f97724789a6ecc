"""``app sql``: checked SQL, on the command line."""

from typing import Annotated

import typer

from tools.checker.findings import Format

app = typer.Typer(
    help="Check the SQL against the signatures of its functions. Exits with 0 where nothing is "
    "wrong, with 1 where something is, and with 2 where it could not be checked.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Such as users.find_user.", show_default=False)]
Form = Annotated[
    Format, typer.Option("--format", help="github makes annotations of a pull request.")
]


@app.command()
def check(
    live: Annotated[
        bool, typer.Option("--live", help="Ask PostgreSQL, too, in a throw-away database.")
    ] = False,
    with_plans: Annotated[
        bool, typer.Option("--plans", help="With --live: find queries that no index serves.")
    ] = False,
    form: Form = Format.TEXT,
) -> None:
    """Check every query, against the snapshot in sql/ or against PostgreSQL."""
    from app.ops import memory

    memory.grow()  # a tenth of the time: what a check makes, it needs until its end
    from tools.checker import runs

    if with_plans and not live:
        raise typer.BadParameter("goes with --live", param_hint="--plans")
    raise typer.Exit(runs.check(form, live=live, with_plans=with_plans))


@app.command()
def prepare(form: Form = Format.TEXT) -> None:
    """Ask PostgreSQL about every query, and write its answers to sql/, to be committed.

    Nothing is written while a query is wrong.
    """
    from tools.checker import runs

    raise typer.Exit(runs.prepare(form))


@app.command()
def explain(name: Name) -> None:
    """Show a query's types, what can be NULL in it and why, and its plan."""
    from tools.checker import runs

    raise typer.Exit(runs.explain(name))
