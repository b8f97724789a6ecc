"""``app users``: accounts, from the command line."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.cli.failure import Failure

if TYPE_CHECKING:
    from app.auth.passwords import Passwords
    from app.db import Connection
    from app.ids import UserId
    from app.users.queries import ManagedUser
    from app.users.roles import Role

T = TypeVar("T")

app = typer.Typer(help="Create, list and manage users.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The e-mail address.", show_default=False)]

_PAGE = 500


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


@app.command("list")
def list_users() -> None:
    """List the users, the newest first: id, role, state, e-mail address, name."""
    from app.ids import LAST_ID, UserId
    from app.users import queries

    async def print_all(connection: "Connection") -> None:
        before = UserId(LAST_ID)
        while users := await queries.list_users(connection, before, _PAGE):
            for user in users:
                typer.echo(_line(user))
            before = users[-1].id

    _run(print_all)


@app.command()
def promote(email: Email) -> None:
    """Make a user an administrator, who has to log in again."""
    from app.users.roles import Role

    _change(email, role=Role.ADMIN)
    typer.echo(f"{email} is an administrator")


@app.command()
def demote(email: Email) -> None:
    """Make an administrator an ordinary user, who has to log in again."""
    from app.users.roles import Role

    _change(email, role=Role.USER)
    typer.echo(f"{email} is no administrator")


@app.command()
def deactivate(email: Email) -> None:
    """Lock an account: its tokens stop working at once, and nobody can log in to it."""
    _change(email, is_active=False)
    typer.echo(f"{email} is deactivated")


@app.command()
def activate(email: Email) -> None:
    """Open a deactivated account again."""
    _change(email, is_active=True)
    typer.echo(f"{email} is active")


@app.command()
def set_password(email: Email) -> None:
    """Give a user a new password, and log them out everywhere.

    Asks for it, or reads it from standard input where that is no terminal.
    """
    from pydantic import TypeAdapter, ValidationError

    from app.fields import NewPassword

    try:
        password = TypeAdapter(NewPassword).validate_python(_read_password())
    except ValidationError as error:
        raise Failure(f"password: {error.errors(include_input=False)[0]['msg']}") from None
    _set_password(email, password)
    typer.echo(f"{email} has a new password")


def _line(user: "ManagedUser") -> str:
    state = "active" if user.is_active else "deactivated"
    return f"{user.id}  {user.role:<5}  {state:<11}  {user.email}  {user.name}"


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _run(work: "Callable[[Connection], Awaitable[T]]") -> T:
    """Run a command's work on a database that has the schema."""
    from app.cli.context import require_schema, run_connected

    async def checked(connection: "Connection") -> T:
        await require_schema(connection)
        return await work(connection)

    return run_connected(checked)


def _run_hashing(work: "Callable[[Connection, Passwords], Awaitable[T]]") -> T:
    """The same, for work that hashes a password."""
    from app.auth.passwords import Passwords
    from app.cli.context import configured, require_schema, run
    from app.db import connect
    from app.settings import Settings

    async def connected(settings: Settings) -> T:
        passwords = Passwords(settings.passwords)
        connection = await connect(settings.database)
        try:
            await require_schema(connection)
            return await work(connection, passwords)
        finally:
            passwords.close()
            await connection.close()

    with configured() as settings:
        return run(connected(settings))


async def _find(connection: "Connection", email: str) -> "UserId":
    from app.auth.queries import find_credentials

    found = await find_credentials(connection, email)
    if found is None:
        raise Failure(f"there is no user {email}: `app users create` makes one")
    return found.id


def _change(email: str, *, role: "Role | None" = None, is_active: bool | None = None) -> None:
    """Do as the API does: sessions are revoked, and the last administrator can't be lost."""
    from app import audit
    from app.users import service

    async def change(connection: "Connection") -> service.Change:
        async with connection.transaction():
            user_id = await _find(connection, email)
            try:
                return await service.change(connection, user_id, role=role, is_active=is_active)
            except service.LastAdminError as error:
                raise Failure(error.detail) from error

    done = _run(change)
    audit.managed(done.before, done.after, actor=audit.COMMAND_LINE)


def _create(email: str, name: str, password: str, *, admin: bool) -> str:
    from app import audit
    from app.auth.errors import EmailTakenError
    from app.db import on_constraint
    from app.users.queries import create_user, manage_user
    from app.users.roles import Role

    async def insert(connection: "Connection", passwords: "Passwords") -> str:
        password_hash = await passwords.hash(password)
        async with connection.transaction():
            with on_constraint({"users_email_key": Failure(EmailTakenError.default_detail)}):
                user = await create_user(connection, email, name, password_hash)
            if admin:
                await manage_user(connection, user.id, Role.ADMIN, True)
        role = Role.ADMIN if admin else user.role
        audit.registered(user.id, role, actor=audit.COMMAND_LINE)
        return f"created {user.email}, id {user.id}"

    return _run_hashing(insert)


def _set_password(email: str, password: str) -> None:
    from app import audit
    from app.auth.password_rules import PERSONAL_MESSAGE, is_personal
    from app.auth.queries import delete_sessions, set_password_hash
    from app.users.queries import find_profile

    async def replace(connection: "Connection", passwords: "Passwords") -> None:
        user_id = await _find(connection, email)
        profile = await find_profile(connection, user_id)
        if profile and is_personal(password, email=email, name=profile.name):
            raise Failure(f"password: {PERSONAL_MESSAGE}")
        password_hash = await passwords.hash(password)
        async with connection.transaction():
            await set_password_hash(connection, user_id, password_hash)
            await delete_sessions(connection, user_id)
        audit.password_changed(user_id, actor=audit.COMMAND_LINE)

    _run_hashing(replace)
