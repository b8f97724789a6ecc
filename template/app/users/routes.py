"""One's own account, everybody's profile, and the administration: ``/api/v1/users``."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from app.auth.dependencies import AdminUser, Claims, CurrentUser, unauthenticated
from app.auth.errors import InvalidCredentialsError
from app.auth.passwords import Passwords
from app.auth.queries import delete_other_sessions, get_password_hash, set_password_hash
from app.db import Db
from app.fields import Email, Name, NewPassword, Omittable, Password, RequestModel
from app.ids import UserId, UserIdInput
from app.pages import DEFAULT_LIMIT, Cursor, Limit, Page, position
from app.problems import ForbiddenError, NotFoundError, problem_responses
from app.resources import Database, PasswordService
from app.users import queries, service
from app.users.queries import ManagedUser, User, UserProfile
from app.users.roles import Role
from app.users.service import LastAdminError

router = APIRouter(prefix="/users", tags=["users"])


class AccountChanges(RequestModel):
    name: Omittable[Name] = None


class PasswordChange(RequestModel):
    current_password: Password
    new_password: NewPassword


class AccountDeletion(RequestModel):
    current_password: Password


class UserChanges(RequestModel):
    role: Omittable[Role] = None
    is_active: Omittable[bool] = None


@router.get("/me", responses=unauthenticated())
async def read_me(user: CurrentUser) -> User:
    """The account that the token belongs to."""
    return user


@router.patch("/me", responses=unauthenticated())
async def change_me(body: AccountChanges, user: CurrentUser, db: Database) -> User:
    """Change one's own account."""
    if body.name is None:
        return user
    renamed = await queries.rename_user(db, user.id, body.name)
    if renamed is None:
        raise NotFoundError
    return renamed


@router.put(
    "/me/password",
    status_code=HTTPStatus.NO_CONTENT,
    responses=unauthenticated(InvalidCredentialsError),
)
async def change_password(
    body: PasswordChange,
    user: CurrentUser,
    claims: Claims,
    db: Database,
    passwords: PasswordService,
) -> None:
    """Change one's password; every other session is revoked."""
    await _confirm(db, passwords, user.id, body.current_password)
    password_hash = await passwords.hash(body.new_password)
    async with db.transaction() as transaction:
        await set_password_hash(transaction, user.id, password_hash)
        await delete_other_sessions(transaction, user.id, claims.session_id)


@router.delete(
    "/me",
    status_code=HTTPStatus.NO_CONTENT,
    responses=unauthenticated(InvalidCredentialsError, LastAdminError),
)
async def delete_me(
    body: AccountDeletion, user: CurrentUser, db: Database, passwords: PasswordService
) -> None:
    """Delete one's account with everything that is in it."""
    await _confirm(db, passwords, user.id, body.current_password)
    await service.delete(db, user.id)


@router.get("/{id}", responses=problem_responses(NotFoundError))
async def read_user(id: UserIdInput, db: Database) -> UserProfile:
    """What everybody may know of a user."""
    profile = await queries.find_profile(db, id)
    if profile is None:
        raise NotFoundError
    return profile


@router.get("", responses=unauthenticated(ForbiddenError))
async def list_users(
    _: AdminUser,
    db: Database,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    email: Annotated[Email | None, Query(description="The one user with this address.")] = None,
) -> Page[ManagedUser]:
    """Every user, the newest first: for administrators."""
    before = UserId(position(cursor))
    if email is None:
        users = await queries.list_users(db, before, limit + 1)
    else:
        users = await queries.list_users_by_email(db, email, before, limit + 1)
    return Page.of(users, limit)


@router.patch("/{id}", responses=unauthenticated(ForbiddenError, NotFoundError, LastAdminError))
async def change_user(
    id: UserIdInput,
    body: UserChanges,
    _: AdminUser,
    db: Database,
) -> ManagedUser:
    """Appoint, demote, activate or deactivate a user: for administrators."""
    return await service.manage(db, id, body.role, body.is_active)


async def _confirm(db: Db, passwords: Passwords, user_id: UserId, password: str) -> None:
    """Raises `InvalidCredentialsError` unless it is the user's password."""
    stored = await get_password_hash(db, user_id)
    verified = await passwords.verify(password, stored)
    if not verified.correct:
        raise InvalidCredentialsError("The current password is wrong.")
