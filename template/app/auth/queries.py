"""Sessions and refresh tokens in SQL.

A session begins with a login and is the family of its refresh tokens: each is spent for the next.
Deleting the session revokes them all, and its access tokens with them.
"""

from app.db import Affected, Db, Transaction, query, row
from app.ids import SessionId, UserId
from app.users.queries import User
from app.users.roles import Role


@row
class Credentials:
    id: UserId
    password_hash: str
    is_active: bool


@row
class Session:
    id: SessionId
    user_id: UserId
    role: Role


@row
class EndedSession:
    id: SessionId
    user_id: UserId


@row
class SpentToken:
    session_id: SessionId
    user_id: UserId
    role: Role
    successor_key: bytes
    may_retry: bool


@query("""
    SELECT id, password_hash, is_active
    FROM users
    WHERE lower(email) = lower($1)
""")
async def find_credentials(db: Db, email: str) -> Credentials | None: ...


@query("SELECT password_hash FROM users WHERE id = $1")
async def get_password_hash(db: Db, id: UserId) -> str | None: ...


@query("UPDATE users SET password_hash = $2 WHERE id = $1")
async def set_password_hash(db: Db, id: UserId, password_hash: str) -> None: ...


@query("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
async def replace_password_hash(db: Db, id: UserId, old: str, new: str) -> Affected: ...


# The lock is for whoever changes the password meanwhile, or deactivates the account: either they
# find the session to revoke, or the session does not come about.
@query("""
    WITH account AS (
        SELECT id, role
        FROM users
        WHERE id = $1 AND password_hash = $2 AND is_active
        FOR SHARE
    ),
    session AS (
        INSERT INTO sessions (user_id, expires_at)
        SELECT id, now() + least($4 * interval '1 second', $5 * interval '1 second')
        FROM account
        RETURNING id
    ),
    issued AS (
        INSERT INTO refresh_tokens (hash, session_id)
        SELECT $3, id
        FROM session
    )
    SELECT session.id, account.id AS user_id, account.role
    FROM session, account
""")
async def create_session(
    db: Db,
    user_id: UserId,
    password_hash: str,
    token_hash: bytes,
    lifetime: float,
    idle_lifetime: float,
) -> Session | None: ...


@query("""
    SELECT users.id, users.email, users.name, users.role, users.created_at, users.updated_at
    FROM sessions
    JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1
      AND sessions.expires_at > now()
      AND users.is_active
""")
async def find_session_user(db: Db, session_id: SessionId) -> User | None: ...


# The session before its token: whoever revokes locks them in this order too, so that neither waits
# for the other for ever.
@query("""
    WITH session AS (
        UPDATE sessions
        SET expires_at = least(
            sessions.created_at + $4 * interval '1 second', now() + $5 * interval '1 second'
        )
        FROM refresh_tokens, users
        WHERE refresh_tokens.hash = $1
          AND refresh_tokens.spent_at IS NULL
          AND sessions.id = refresh_tokens.session_id
          AND sessions.expires_at > now()
          AND users.id = sessions.user_id
          AND users.is_active
        RETURNING sessions.id, users.id AS user_id, users.role
    ),
    spent AS (
        UPDATE refresh_tokens
        SET spent_at = now(), successor_hash = $2, successor_key = $3
        FROM session
        WHERE refresh_tokens.hash = $1 AND refresh_tokens.spent_at IS NULL
        RETURNING session.id, session.user_id, session.role
    ),
    issued AS (
        INSERT INTO refresh_tokens (hash, session_id)
        SELECT $2, spent.id
        FROM spent
    )
    SELECT id, user_id, role FROM spent
""")
async def spend_refresh_token(
    db: Db,
    token_hash: bytes,
    successor_hash: bytes,
    successor_key: bytes,
    lifetime: float,
    idle_lifetime: float,
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


@query("""
    DELETE FROM sessions
    USING refresh_tokens
    WHERE refresh_tokens.hash = $1
      AND sessions.id = refresh_tokens.session_id
    RETURNING sessions.id, sessions.user_id
""")
async def delete_session_of(db: Db, token_hash: bytes) -> EndedSession | None: ...


@query("DELETE FROM sessions WHERE user_id = $1")
async def delete_sessions(db: Db, user_id: UserId) -> Affected: ...


@query("DELETE FROM sessions WHERE user_id = $1 AND id <> $2")
async def delete_other_sessions(db: Db, user_id: UserId, kept: SessionId) -> Affected: ...


@query("SELECT pg_try_advisory_xact_lock($1)")
async def try_lock(db: Transaction, key: int) -> bool: ...


@query("""
    DELETE FROM refresh_tokens
    WHERE hash IN (
        SELECT refresh_tokens.hash
        FROM sessions
        JOIN refresh_tokens ON refresh_tokens.session_id = sessions.id
        WHERE sessions.expires_at <= now()
        LIMIT $1
        FOR UPDATE OF refresh_tokens SKIP LOCKED
    )
""")
async def purge_refresh_tokens(db: Db, limit: int) -> Affected: ...


# Those with no token left, since the tokens deleted by a cascade would not be bounded.
@query("""
    DELETE FROM sessions
    WHERE id IN (
        SELECT id
        FROM sessions
        WHERE expires_at <= now()
          AND NOT EXISTS (SELECT FROM refresh_tokens WHERE session_id = sessions.id)
        LIMIT $1
        FOR UPDATE SKIP LOCKED
    )
""")
async def purge_sessions(db: Db, limit: int) -> Affected: ...
