"""``app users``: accounts, from the command line."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.failure import Failure

if TYPE_CHECKING:
    from app.db import Connection

app = typer.Typer(help="Create users and appoint administrators.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The e-mail address.", show_default=False)]


@app.command()
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="The user's name.", show_default=False)],
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an administrator.")] = False,
) -> None:
    """Create a user.

    Asks for the password, or reads it from standard input where that is no terminal: on the
    command line it would be seen by everybody on the machine.
    """
    from pydantic import ValidationError

    from app.auth.routes import Registration

    try:
        account = Registration(email=email, name=name, password=_read_password())
    except ValidationError as error:
        found = error.errors(include_input=False)[0]
        raise Failure(f"{found['loc'][0]}: {found['msg']}") from None
    typer.echo(_create(account.email, account.name, account.password, admin=admin))


@app.command()
def promote(email: Email) -> None:
    """Make a user an administrator."""
    from app.cli.context import require_schema, run_connected
    from app.users.queries import set_role
    from app.users.roles import Role

    async def appoint(connection: "Connection") -> int:
        await require_schema(connection)
        return await set_role(connection, email, Role.ADMIN)

    if not run_connected(appoint):
        raise Failure(f"there is no user {email}: `app users create` makes one")
    typer.echo(f"{email} is an administrator")


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _create(email: str, name: str, password: str, *, admin: bool) -> str:
    from app.auth.errors import EmailTakenError
    from app.auth.passwords import Passwords
    from app.cli.context import configured, require_schema, run
    from app.db import connect, on_constraint
    from app.settings import Settings
    from app.users.queries import create_user, set_role
    from app.users.roles import Role

    async def insert(settings: Settings) -> str:
        passwords = Passwords(settings.passwords)
        connection = await connect(settings.database)
        try:
            await require_schema(connection)
            password_hash = await passwords.hash(password)
            async with connection.transaction():
                with on_constraint({"users_email_key": Failure(EmailTakenError.default_detail)}):
                    user = await create_user(connection, email, name, password_hash)
                if admin:
                    await set_role(connection, email, Role.ADMIN)
        finally:
            passwords.close()
            await connection.close()
        return f"created {user.email}, id {user.id}"

    with configured() as settings:
        return run(insert(settings))
