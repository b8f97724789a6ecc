"""``app version``: which version this is."""

from typing import Annotated

import typer

from app import about
from app.cli.failure import Failure


def version(
    tag: Annotated[str, typer.Option(help="Fail unless this is the version's tag.")] = "",
) -> None:
    """Print the version, which stands in app/about.py; v and the version is its tag."""
    wanted = f"v{about.VERSION}"
    if tag not in ("", wanted):
        raise Failure(
            f"{tag} tags a commit whose version is {about.VERSION}: tag it as {wanted}, or change"
            " VERSION in app/about.py, commit that, and tag that commit"
        )
    typer.echo(about.VERSION)
