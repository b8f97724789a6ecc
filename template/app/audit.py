"""The audit trail: a log line for each thing that happens to an account or a session.

Each function is an event: its name is the line's ``audit.<name>``, its arguments are the line's
fields, and ``request_id`` is with them. It is called once what it reports is committed, so that
what was rolled back leaves no line; and since logs swallow their own failures, no request fails for
one. ``LOG_LEVEL`` does not silence it.

People are named by ids alone. An e-mail address tells who somebody is to all who read the logs,
long after the account is gone, and people type passwords into the wrong field: of a login to an
account that does not exist, only the client's address is kept.

``client_address`` is what the rate limits count: an IPv4 address, or a network of IPv6. ``actor``
is the administrator's id, or `COMMAND_LINE`.
"""

from typing import Any, Final, TypeAlias

import structlog

from app.ids import SessionId, UserId
from app.users.queries import ManagedUser
from app.users.roles import Role

logger = structlog.get_logger("app.audit")

COMMAND_LINE: Final = "command_line"

Actor: TypeAlias = UserId | str


def registered(
    user_id: UserId, role: Role, *, client_address: str | None = None, actor: Actor | None = None
) -> None:
    _log("registered", user_id=user_id, role=role, client_address=client_address, actor=actor)


def login_succeeded(user_id: UserId, session_id: SessionId, client_address: str) -> None:
    _log("login_succeeded", user_id=user_id, session_id=session_id, client_address=client_address)


def login_failed(user_id: UserId | None, client_address: str) -> None:
    """No ``user_id``: there is no such account."""
    _log("login_failed", user_id=user_id, client_address=client_address)


def rate_limited(attempt: str, client_address: str) -> None:
    """``attempt``: a ``login``, a ``confirmation``, a ``registration`` or a ``refresh``."""
    _log("rate_limited", attempt=attempt, client_address=client_address)


def refreshed(
    user_id: UserId, session_id: SessionId, client_address: str, *, retried: bool = False
) -> None:
    """``retried``: the client has asked again, since it has lost the answer."""
    _log(
        "refreshed",
        user_id=user_id,
        session_id=session_id,
        client_address=client_address,
        retried=retried,
    )


def refresh_token_reused(user_id: UserId, session_id: SessionId, client_address: str) -> None:
    """Two parties hold the session: it has been revoked."""
    _log(
        "refresh_token_reused",
        user_id=user_id,
        session_id=session_id,
        client_address=client_address,
    )


def logged_out(user_id: UserId, session_id: SessionId, client_address: str) -> None:
    _log("logged_out", user_id=user_id, session_id=session_id, client_address=client_address)


def password_confirmation_failed(
    user_id: UserId, session_id: SessionId, client_address: str
) -> None:
    """Somebody is logged in who does not know the password."""
    _log(
        "password_confirmation_failed",
        user_id=user_id,
        session_id=session_id,
        client_address=client_address,
    )


def password_changed(
    user_id: UserId,
    *,
    session_id: SessionId | None = None,
    client_address: str | None = None,
    actor: Actor | None = None,
) -> None:
    """All sessions have been revoked but ``session_id``."""
    _log(
        "password_changed",
        user_id=user_id,
        session_id=session_id,
        client_address=client_address,
        actor=actor,
    )


def managed(
    before: ManagedUser, after: ManagedUser, *, actor: Actor, client_address: str | None = None
) -> None:
    """An event for each change: ``role_changed``, ``deactivated`` or ``reactivated``."""
    who: dict[str, Any] = {
        "user_id": after.id,
        "actor": actor,
        "client_address": client_address,
    }
    if after.role is not before.role:
        _log("role_changed", role=after.role, previous_role=before.role, **who)
    if after.is_active is not before.is_active:
        _log("reactivated" if after.is_active else "deactivated", **who)


def account_deleted(user_id: UserId, session_id: SessionId, client_address: str) -> None:
    _log("account_deleted", user_id=user_id, session_id=session_id, client_address=client_address)


def _log(event: str, **fields: Any) -> None:
    """What there is nothing to say of is left out; ids are written as the API writes them."""
    logger.info(
        f"audit.{event}",
        **{
            name: value if isinstance(value, int) else str(value)
            for name, value in fields.items()
            if value is not None
        },
    )
