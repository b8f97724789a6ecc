"""Registering, logging in and out: ``/api/v1/auth``."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.auth import queries
from app.auth.dependencies import Claims, unauthenticated
from app.auth.errors import (
    EmailTakenError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    RevokedTokenError,
)
from app.auth.rate_limits import TooManyAttemptsError
from app.auth.sessions import TokenPair
from app.db import on_constraint
from app.fields import Email, Name, NewPassword, Password, RequestModel
from app.problems import problem_responses
from app.resources import (
    ClientAddress,
    Database,
    PasswordService,
    RateLimitService,
    SessionService,
)
from app.users.queries import User, create_user

router = APIRouter(prefix="/auth", tags=["auth"])


class Registration(RequestModel):
    email: Email
    name: Name
    password: NewPassword


class Login(RequestModel):
    email: Email
    password: Password


class Refresh(RequestModel):
    refresh_token: str = Field(min_length=1, max_length=128)


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds until the access token expires.")


@router.post(
    "/register",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(EmailTakenError, TooManyAttemptsError),
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
        return await create_user(db, body.email, body.name, password_hash)


@router.post("/login", responses=problem_responses(InvalidCredentialsError, TooManyAttemptsError))
async def login(
    body: Login,
    response: Response,
    db: Database,
    passwords: PasswordService,
    sessions: SessionService,
    limits: RateLimitService,
    address: ClientAddress,
) -> Tokens:
    """Exchange an e-mail address and a password for tokens."""
    await limits.before_login(body.email, address)
    account = await queries.find_credentials(db, body.email)
    # No connection is held meanwhile; an unknown account takes as long as a known one.
    verified = await passwords.verify(body.password, account.password_hash if account else None)
    if account is None or not verified.correct or not account.is_active:
        raise InvalidCredentialsError
    await limits.after_login(body.email, address)
    if verified.new_hash:
        await queries.set_password_hash(db, account.id, verified.new_hash)
    return _tokens(await sessions.begin(db, account.id, account.role), response)


@router.post(
    "/refresh", responses=problem_responses(InvalidRefreshTokenError, TooManyAttemptsError)
)
async def refresh(
    body: Refresh,
    response: Response,
    db: Database,
    sessions: SessionService,
    limits: RateLimitService,
    address: ClientAddress,
) -> Tokens:
    """Exchange a refresh token, which is spent by it, for new tokens."""
    await limits.before_refresh(address)
    return _tokens(await sessions.refresh(db, body.refresh_token), response)


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT, responses=unauthenticated())
async def logout(claims: Claims, db: Database) -> None:
    """Revoke this session: its access tokens and its refresh token."""
    if not await queries.delete_session(db, claims.session_id):
        raise RevokedTokenError


def _tokens(pair: TokenPair, response: Response) -> Tokens:
    response.headers["Cache-Control"] = "no-store"
    return Tokens(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.expires_in,
    )
