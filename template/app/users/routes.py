"""One's own account, everybody's profile, and the administration: ``/api/v1/users``."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query

from app import audit
from app.auth.dependencies import AdminUser, Claims, CurrentUser, unauthenticated
from app.auth.errors import InvalidCredentialsError, RevokedTokenError
from app.auth.password_rules import PERSONAL, PERSONAL_MESSAGE, is_personal
from app.auth.passwords import Passwords
from app.auth.queries import delete_other_sessions, get_password_hash, replace_password_hash
from app.auth.rate_limits import RateLimits, TooManyAttemptsError
from app.auth.tokens import TokenClaims
from app.db import Db
from app.fields import Email, Name, NewPassword, Omittable, Password, RequestModel
from app.http.json_route import JsonRoute
from app.ids import UserId, UserIdInput
from app.pages import DEFAULT_LIMIT, Cursor, Limit, Page, position
from app.problems import (
    FieldError,
    ForbiddenError,
    NotFoundError,
    ValidationFailedError,
    problem_responses,
)
from app.resources import ClientAddress, Database, PasswordService, RateLimitService
from app.users import queries, service
from app.users.queries import ManagedUser, User, UserProfile
from app.users.roles import Role
from app.users.service import LastAdminError

router = APIRouter(prefix="/users", tags=["users"], route_class=JsonRoute)


_WRONG: Final = "The current password is wrong."


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


class ManagedUserPage(Page[ManagedUser]):
    """A page of users, as an administrator sees them."""


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
        raise RevokedTokenError
    return renamed


@router.put(
    "/me/password",
    status_code=HTTPStatus.NO_CONTENT,
    responses=unauthenticated(InvalidCredentialsError, TooManyAttemptsError),
)
async def change_password(
    body: PasswordChange,
    user: CurrentUser,
    claims: Claims,
    db: Database,
    passwords: PasswordService,
    limits: RateLimitService,
    address: ClientAddress,
) -> None:
    """Change one's password; every other session is revoked."""
    if is_personal(body.new_password, email=user.email, name=user.name):
        error = FieldError("new_password", PERSONAL_MESSAGE, PERSONAL)
        raise ValidationFailedError(errors=[error])
    old_hash = await _confirm(db, passwords, limits, user, claims, body.current_password, address)
    new_hash = await passwords.hash(body.new_password)
    async with db.transaction() as transaction:
        if not await replace_password_hash(transaction, user.id, old_hash, new_hash):
            raise InvalidCredentialsError(_WRONG)  # somebody else has just changed it
        await delete_other_sessions(transaction, user.id, claims.session_id)
    audit.password_changed(user.id, session_id=claims.session_id, client_address=address)


@router.delete(
    "/me",
    status_code=HTTPStatus.NO_CONTENT,
    responses=unauthenticated(InvalidCredentialsError, TooManyAttemptsError, LastAdminError),
)
async def delete_me(
    body: AccountDeletion,
    user: CurrentUser,
    claims: Claims,
    db: Database,
    passwords: PasswordService,
    limits: RateLimitService,
    address: ClientAddress,
) -> None:
    """Delete one's account with everything that is in it."""
    await _confirm(db, passwords, limits, user, claims, body.current_password, address)
    if await service.delete(db, user.id):
        audit.account_deleted(user.id, claims.session_id, address)


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
) -> ManagedUserPage:
    """Every user, the newest first: for administrators."""
    before = UserId(position(cursor))
    if email is None:
        users = await queries.list_users(db, before, limit + 1)
    else:
        users = await queries.list_users_by_email(db, email, before, limit + 1)
    return ManagedUserPage.of(users, limit)


@router.patch("/{id}", responses=unauthenticated(ForbiddenError, NotFoundError, LastAdminError))
async def change_user(
    id: UserIdInput,
    body: UserChanges,
    admin: AdminUser,
    db: Database,
    address: ClientAddress,
) -> ManagedUser:
    """Appoint, demote, activate or deactivate a user: for administrators."""
    async with db.transaction() as transaction:
        change = await service.change(transaction, id, role=body.role, is_active=body.is_active)
    audit.managed(change.before, change.after, actor=admin.id, client_address=address)
    return change.after


async def _confirm(
    db: Db,
    passwords: Passwords,
    limits: RateLimits,
    user: User,
    claims: TokenClaims,
    password: str,
    address: str,
) -> str:
    """The stored hash of the user's password.

    Raises `InvalidCredentialsError` for another password, and `TooManyAttemptsError`.
    """
    await limits.before_confirmation(user.email, address)
    stored = await get_password_hash(db, user.id)
    verified = await passwords.verify(password, stored)
    if stored is None or not verified.correct:
        audit.password_confirmation_failed(user.id, claims.session_id, address)
        raise InvalidCredentialsError(_WRONG)
    await limits.after_password(user.email, address)
    return stored
