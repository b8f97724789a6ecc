"""Registering, logging in and out: ``/api/v1/auth``."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from pydantic import ValidationInfo, field_validator

from app import audit
from app.answers import answer
from app.auth import queries
from app.auth.dependencies import Claims, unauthenticated
from app.auth.errors import (
    EmailTakenError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    RevokedTokenError,
)
from app.auth.password_rules import refuse_personal
from app.auth.passwords import Passwords
from app.auth.rate_limits import TooManyAttemptsError
from app.auth.sessions import Sessions, TokenPair
from app.auth.transport import (
    AT_LOGIN,
    AT_LOGOUT,
    REFRESH_EXTRA,
    ClientTransport,
    RefreshToken,
    Tokens,
    delivering,
)
from app.db import Db, on_constraint
from app.fields import Email, Name, NewPassword, Password, RequestModel
from app.http.json_route import JsonRoute
from app.problems import problem_responses
from app.resources import (
    ClientAddress,
    Database,
    PasswordService,
    RateLimitService,
    SessionService,
)
from app.users.queries import User, create_user

router = APIRouter(prefix="/auth", tags=["auth"], route_class=JsonRoute)

_CREDENTIALS: Final = {"email": "$request.body#/email", "password": "$request.body#/password"}


class Registration(RequestModel):
    email: Email
    name: Name
    password: NewPassword

    @field_validator("password")
    @classmethod
    def _refuse_personal(cls, password: str, info: ValidationInfo) -> str:
        # What is wrong itself is not there to compare with.
        email, name = info.data.get("email", ""), info.data.get("name", "")
        return refuse_personal(password, email=email, name=name)


class Login(RequestModel):
    email: Email
    password: Password


@router.post(
    "/register",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(EmailTakenError, TooManyAttemptsError)
    | answer(HTTPStatus.CREATED, links={"login": _CREDENTIALS}),
)
async def register(
    body: Registration,
    db: Database,
    passwords: PasswordService,
    limits: RateLimitService,
    address: ClientAddress,
) -> User:
    """Create an account."""
    await limits.before_registration(address)
    password_hash = await passwords.hash(body.password)
    with on_constraint({"users_email_key": EmailTakenError()}):
        user = await create_user(db, body.email, body.name, password_hash)
    audit.registered(user.id, user.role, client_address=address)
    return user


@router.post(
    "/login",
    responses=delivering(InvalidCredentialsError, TooManyAttemptsError),
    dependencies=AT_LOGIN,
)
async def login(
    body: Login,
    transport: ClientTransport,
    db: Database,
    passwords: PasswordService,
    sessions: SessionService,
    limits: RateLimitService,
    address: ClientAddress,
) -> Tokens:
    """Exchange an e-mail address and a password for tokens."""
    await limits.before_login(body.email, address)
    tokens = None
    while tokens is None:
        tokens = await _log_in(body, db, passwords, sessions, address)
    await limits.after_password(body.email, address)
    return transport.deliver(tokens)


async def _log_in(
    body: Login, db: Db, passwords: Passwords, sessions: Sessions, address: str
) -> TokenPair | None:
    """None where the password has been changed, or hashed anew, while it was compared."""
    account = await queries.find_credentials(db, body.email)
    # No connection is held meanwhile; an unknown account takes as long as a known one.
    verified = await passwords.verify(body.password, account.password_hash if account else None)
    if account is None or not verified.correct or not account.is_active:
        audit.login_failed(account.id if account else None, address)
        raise InvalidCredentialsError
    tokens = await sessions.begin(db, account.id, account.password_hash, address)
    if tokens and verified.new_hash:
        await queries.replace_password_hash(
            db, account.id, account.password_hash, verified.new_hash
        )
    return tokens


@router.post(
    "/refresh",
    responses=delivering(InvalidRefreshTokenError, TooManyAttemptsError),
    openapi_extra=REFRESH_EXTRA,
)
async def refresh(
    refresh_token: RefreshToken,
    transport: ClientTransport,
    db: Database,
    sessions: SessionService,
    limits: RateLimitService,
    address: ClientAddress,
) -> Tokens:
    """Exchange a refresh token, which is spent by it, for new tokens."""
    await limits.before_refresh(address)
    return transport.deliver(await sessions.refresh(db, refresh_token, address))


@router.post(
    "/logout",
    status_code=HTTPStatus.NO_CONTENT,
    responses=unauthenticated(),
    dependencies=AT_LOGOUT,
)
async def logout(claims: Claims, db: Database, address: ClientAddress) -> None:
    """Revoke this session: its access tokens and its refresh token."""
    if not await queries.delete_session(db, claims.session_id):
        raise RevokedTokenError
    audit.logged_out(claims.user_id, claims.session_id, address)
