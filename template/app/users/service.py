"""What must hold of users, whoever changes them."""

from dataclasses import dataclass
from http import HTTPStatus

from app.auth.queries import delete_sessions
from app.db import Database, Transaction
from app.ids import UserId
from app.problems import NotFoundError, Problem
from app.users import queries
from app.users.queries import ManagedUser
from app.users.roles import Role


class LastAdminError(Problem):
    status = HTTPStatus.CONFLICT
    code = "last_admin"
    default_detail = "This is the last administrator: appoint another one first."


@dataclass(frozen=True, slots=True)
class Change:
    before: ManagedUser
    after: ManagedUser


async def change(
    db: Transaction, user_id: UserId, *, role: Role | None = None, is_active: bool | None = None
) -> Change:
    """Change a user's role, or activate or deactivate the account; ``None`` changes nothing.

    The user's sessions are revoked, so that tokens with the old role stop working at once. Raises
    `NotFoundError` or `LastAdminError`.
    """
    admins = await queries.lock_admins(db)
    user = await queries.lock_user(db, user_id)
    if user is None:
        raise NotFoundError
    new_role = role or user.role
    new_state = user.is_active if is_active is None else is_active
    if new_role is user.role and new_state is user.is_active:
        return Change(user, user)
    if admins == [user_id] and (new_role is not Role.ADMIN or not new_state):
        raise LastAdminError
    await delete_sessions(db, user_id)
    return Change(user, await queries.manage_user(db, user_id, new_role, new_state))


async def delete(database: Database, user_id: UserId) -> bool:
    """Delete a user with everything that is theirs. Raises `LastAdminError`.

    Returns whether there was one.
    """
    async with database.transaction() as db:
        await _keep_an_admin(db, user_id)
        return await queries.delete_user(db, user_id) > 0


async def _keep_an_admin(db: Transaction, user_id: UserId) -> None:
    if await queries.lock_admins(db) == [user_id]:
        raise LastAdminError
