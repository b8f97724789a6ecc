"""Sessions and refresh tokens in SQL.

A session begins with a login and is the family of its refresh tokens: each is spent for the next.
Deleting the session revokes them all, and its access tokens with them.
"""

from app.db import Affected, Db, query, row
from app.ids import SessionId, UserId
from app.users.queries import User
from app.users.roles import Role


@row
class Credentials:
    id: UserId
    role: Role
    password_hash: str
    is_active: bool


@row
class Session:
    id: SessionId
    user_id: UserId
    role: Role


@row
class SpentToken:
    session_id: SessionId
    user_id: UserId
    role: Role
    successor_key: bytes
    may_retry: bool


@query("""
    SELECT id, role, password_hash, is_active
    FROM users
    WHERE lower(email) = lower($1)
""")
async def find_credentials(db: Db, email: str) -> Credentials | None: ...


@query("SELECT password_hash FROM users WHERE id = $1")
async def get_password_hash(db: Db, id: UserId) -> str | None: ...


@query("UPDATE users SET password_hash = $2 WHERE id = $1")
async def set_password_hash(db: Db, id: UserId, password_hash: str) -> None: ...


@query("""
    WITH session AS (
        INSERT INTO sessions (user_id, expires_at)
        VALUES ($1, now() + $3 * interval '1 second')
        RETURNING id
    )
    INSERT INTO refresh_tokens (hash, session_id, expires_at)
    SELECT $2, session.id, now() + $4 * interval '1 second'
    FROM session
    RETURNING session_id
""")
async def create_session(
    db: Db,
    user_id: UserId,
    token_hash: bytes,
    session_lifetime: float,
    token_lifetime: float,
) -> SessionId: ...


@query("""
    SELECT users.id, users.email, users.name, users.role, users.created_at, users.updated_at
    FROM sessions
    JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1
      AND sessions.expires_at > now()
      AND users.is_active
""")
async def find_session_user(db: Db, session_id: SessionId) -> User | None: ...


@query("""
    WITH spent AS (
        UPDATE refresh_tokens
        SET spent_at = now(), successor_hash = $2, successor_key = $3
        FROM sessions, users
        WHERE refresh_tokens.hash = $1
          AND refresh_tokens.spent_at IS NULL
          AND refresh_tokens.expires_at > now()
          AND sessions.id = refresh_tokens.session_id
          AND sessions.expires_at > now()
          AND users.id = sessions.user_id
          AND users.is_active
        RETURNING sessions.id, users.id AS user_id, users.role
    ),
    issued AS (
        INSERT INTO refresh_tokens (hash, session_id, expires_at)
        SELECT $2, spent.id, now() + $4 * interval '1 second'
        FROM spent
    )
    SELECT id, user_id, role FROM spent
""")
async def spend_refresh_token(
    db: Db,
    token_hash: bytes,
    successor_hash: bytes,
    successor_key: bytes,
    token_lifetime: float,
) -> Session | None: ...


@query("""
    SELECT sessions.id AS session_id, users.id AS user_id, users.role,
           spent.successor_key,
           spent.spent_at > now() - $2 * interval '1 second'
               AND sessions.expires_at > now()
               AND users.is_active
               AND successor.spent_at IS NULL AS may_retry
    FROM refresh_tokens AS spent
    JOIN refresh_tokens AS successor ON successor.hash = spent.successor_hash
    JOIN sessions ON sessions.id = spent.session_id
    JOIN users ON users.id = sessions.user_id
    WHERE spent.hash = $1
      AND spent.spent_at IS NOT NULL
      AND spent.successor_key IS NOT NULL
""")
async def find_spent_token(db: Db, token_hash: bytes, grace: float) -> SpentToken | None: ...


@query("DELETE FROM sessions WHERE id = $1")
async def delete_session(db: Db, id: SessionId) -> Affected: ...


@query("DELETE FROM sessions WHERE user_id = $1")
async def delete_sessions(db: Db, user_id: UserId) -> Affected: ...


@query("DELETE FROM sessions WHERE user_id = $1 AND id <> $2")
async def delete_other_sessions(db: Db, user_id: UserId, kept: SessionId) -> Affected: ...
