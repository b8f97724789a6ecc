"""``app config`` and ``app openapi``: what the service would run with, and what it offers."""

import json

import typer


def config() -> None:
    """Show the settings in force, secrets masked."""
    from pydantic import SecretStr

    from app.cli.context import configured

    with configured() as settings:
        for name, value in settings:
            shown = "********" if isinstance(value, SecretStr) else value
            typer.echo(f"{name.upper()}={'' if value is None else shown}")


def openapi() -> None:
    """Print the OpenAPI description of the API as JSON."""
    from app.auth.keys import generate_key_set
    from app.main import create_app
    from app.ratelimit import STAND_INS
    from app.settings import load

    # The description depends on no setting; these stand in for those that must be given.
    settings = load(
        database_url="postgresql://localhost/none", jwt_keys=generate_key_set(), **STAND_INS
    )
    typer.echo(json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False))
