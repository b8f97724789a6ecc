"""Users in SQL."""

from pydantic import AwareDatetime

from app.db import Affected, Db, query, row
from app.ids import UserId
from app.users.roles import Role


@row
class User:
    """A user, as the user sees it."""

    id: UserId
    email: str
    name: str
    role: Role
    created_at: AwareDatetime
    updated_at: AwareDatetime


@row
class UserProfile:
    """A user, as everybody sees it."""

    id: UserId
    name: str
    created_at: AwareDatetime


@row
class ManagedUser:
    """A user, as an administrator sees it."""

    id: UserId
    email: str
    name: str
    role: Role
    is_active: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@query("""
    INSERT INTO users (email, name, password_hash)
    VALUES ($1, $2, $3)
    RETURNING id, email, name, role, created_at, updated_at
""")
async def create_user(db: Db, email: str, name: str, password_hash: str) -> User: ...


@query("SELECT id, name, created_at FROM users WHERE id = $1")
async def find_profile(db: Db, id: UserId) -> UserProfile | None: ...


@query("""
    SELECT id, email, name, role, is_active, created_at, updated_at
    FROM users
    WHERE id < $1
    ORDER BY id DESC
    LIMIT $2
""")
async def list_users(db: Db, before: UserId, limit: int) -> list[ManagedUser]: ...


@query("""
    SELECT id, email, name, role, is_active, created_at, updated_at
    FROM users
    WHERE lower(email) = lower($1) AND id < $2
    ORDER BY id DESC
    LIMIT $3
""")
async def list_users_by_email(
    db: Db, email: str, before: UserId, limit: int
) -> list[ManagedUser]: ...


@query("""
    UPDATE users
    SET name = $2, updated_at = now()
    WHERE id = $1
    RETURNING id, email, name, role, created_at, updated_at
""")
async def rename_user(db: Db, id: UserId, name: str) -> User | None: ...


@query("""
    UPDATE users
    SET role = $2, is_active = $3, updated_at = now()
    WHERE id = $1
    RETURNING id, email, name, role, is_active, created_at, updated_at
""")
async def manage_user(db: Db, id: UserId, role: Role, is_active: bool) -> ManagedUser: ...


@query("""
    SELECT id, email, name, role, is_active, created_at, updated_at
    FROM users
    WHERE id = $1
    FOR UPDATE
""")
async def lock_user(db: Db, id: UserId) -> ManagedUser | None: ...


@query("""
    SELECT id
    FROM users
    WHERE role = 'admin' AND is_active
    ORDER BY id
    FOR UPDATE
""")
async def lock_admins(db: Db) -> list[UserId]: ...


@query("DELETE FROM users WHERE id = $1")
async def delete_user(db: Db, id: UserId) -> Affected: ...
