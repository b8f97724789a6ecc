"""The problems of logging in and of being logged in (RFC 6750, section 3)."""

from http import HTTPStatus

from app.problems import Problem


class InvalidCredentialsError(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_credentials"
    default_detail = "The e-mail address or the password is wrong."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class InvalidRefreshTokenError(InvalidCredentialsError):
    code = "invalid_refresh_token"
    default_detail = "The refresh token is unknown, spent or expired: log in again."


class MissingTokenError(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "missing_token"
    default_detail = "Send an access token: Authorization: Bearer <token>."

    def __init__(self) -> None:
        # Without an error attribute: the client may simply not have known (section 3.1).
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class InvalidTokenError(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_token"
    default_detail = "The access token is not valid."

    def __init__(self) -> None:
        challenge = f'Bearer error="invalid_token", error_description="{self.default_detail}"'
        super().__init__(headers={"WWW-Authenticate": challenge})


class ExpiredTokenError(InvalidTokenError):
    code = "expired_token"
    default_detail = "The access token has expired: refresh it."


class RevokedTokenError(InvalidTokenError):
    code = "revoked_token"
    default_detail = "The access token has been revoked: log in again."


class EmailTakenError(Problem):
    status = HTTPStatus.CONFLICT
    code = "email_taken"
    default_detail = "There is an account with this e-mail address already."
