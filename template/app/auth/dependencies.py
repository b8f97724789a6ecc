"""Who is asking: declared in a handler's signature.

    async def me(user: CurrentUser) -> User: ...

================  ===========================================================================
``Claims``        a valid token; the database is not asked, so a revoked one passes
``CurrentUser``   a valid token of a session and a user that are still good
``OptionalUser``  the same, or ``None`` where no token was sent; a bad one is still refused
``AdminUser``     a current user with the role ``admin``; others are answered 403
================  ===========================================================================

A whole router is protected by ``APIRouter(dependencies=[Depends(require_user)])``.
"""

from typing import Annotated, Any, Final, TypeAlias

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from app import resources
from app.auth import queries
from app.auth.errors import (
    ExpiredTokenError,
    InvalidTokenError,
    MissingTokenError,
    RevokedTokenError,
)
from app.auth.tokens import TokenClaims
from app.problems import ForbiddenError, Problem, problem_responses
from app.users.queries import User
from app.users.roles import Role


class _Bearer(SecurityBase):
    """A dependency that OpenAPI describes as a bearer token.

    Each of the names above is one such dependency of its own rather than a chain of them: every
    level of nesting costs FastAPI time on every request.
    """

    scheme_name = "Bearer"
    model = HTTPBearer(bearerFormat="JWT", description="An access token from /auth/login.")


class _RequireClaims(_Bearer):
    async def __call__(self, request: Request) -> TokenClaims:
        return _claims(request)


class _RequireUser(_Bearer):
    async def __call__(self, request: Request) -> User:
        return await _user(request)


class _AcceptUser(_Bearer):
    async def __call__(self, request: Request) -> User | None:
        if "authorization" not in request.headers:
            return None
        return await _user(request)


class _RequireAdmin(_Bearer):
    async def __call__(self, request: Request) -> User:
        user = await _user(request)
        if user.role is not Role.ADMIN:
            raise ForbiddenError
        return user


async def _user(request: Request) -> User:
    claims = _claims(request)
    database = resources.of(request).database
    user = await queries.find_session_user(database, claims.session_id)
    if user is None:
        raise RevokedTokenError
    return user


def _claims(request: Request) -> TokenClaims:
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise InvalidTokenError  # whoever is in front may have believed the other one
    scheme, _, token = given[0].partition(" ") if given else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise MissingTokenError
    return resources.of(request).access_tokens.verify(token.strip())


require_user = _RequireUser()
require_admin = _RequireAdmin()

Claims: TypeAlias = Annotated[TokenClaims, Security(_RequireClaims())]
CurrentUser: TypeAlias = Annotated[User, Security(require_user)]
OptionalUser: TypeAlias = Annotated[User | None, Security(_AcceptUser())]
AdminUser: TypeAlias = Annotated[User, Security(require_admin)]


TOKEN_OPTIONAL: Final[dict[str, Any]] = {"security": [{}]}
"""The ``openapi_extra`` of a route with an `OptionalUser`: it may be called without a token."""


def unauthenticated(*others: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI ``responses`` of a route that needs a token, and its ``others``."""
    return problem_responses(
        MissingTokenError, InvalidTokenError, ExpiredTokenError, RevokedTokenError, *others
    )
