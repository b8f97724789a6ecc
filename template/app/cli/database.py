"""``app db``: the schema's migrations."""

from typing import Annotated

import typer

app = typer.Typer(help="Migrate the database.", no_args_is_help=True)

LockTimeout = Annotated[
    float, typer.Option(help="Seconds to wait for each lock on a table.", min=0)
]


@app.command()
def migrate(lock_timeout: LockTimeout = 5) -> None:
    """Apply the migrations that have not been applied yet."""
    from app.cli.context import run_migrating
    from app.db import migrations

    done = run_migrating(
        lambda connection: migrations.migrate(
            connection,
            lock_timeout=lock_timeout,
            report=lambda migration: typer.echo(f"applied {migration.label}"),
        )
    )
    if not done:
        typer.echo("nothing to do: every migration is applied")


@app.command()
def revert(
    steps: Annotated[int, typer.Option(help="How many.", min=1)] = 1,
    lock_timeout: LockTimeout = 5,
) -> None:
    """Undo the last migrations."""
    from app.cli.context import run_migrating
    from app.db import migrations

    done = run_migrating(
        lambda connection: migrations.revert(
            connection,
            steps=steps,
            lock_timeout=lock_timeout,
            report=lambda migration: typer.echo(f"reverted {migration.label}"),
        )
    )
    if not done:
        typer.echo("nothing to do: no migration is applied")


@app.command()
def status() -> None:
    """List the migrations. Exits with 1 where some have not been applied."""
    from app.cli.context import run_connected
    from app.db import migrations

    found = run_connected(migrations.status)
    for entry in found:
        applied_at = entry.applied_at
        when = f"{applied_at:%Y-%m-%d %H:%M:%S} UTC" if applied_at else "pending"
        typer.echo(f"{when:<23}  {entry.migration.label}")
    if not all(entry.applied_at for entry in found):
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Such as add_invoices.", show_default=False)],
) -> None:
    """Make the files of a new migration."""
    from app.cli.failure import failing_on
    from app.db import migrations

    with failing_on(migrations.MigrationError):
        for path in migrations.new(name):
            typer.echo(f"made {path}")
