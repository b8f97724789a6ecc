"""The service's queries, for programs that do without its code."""

from typing import Final

USER: Final = """
    SELECT users.id, users.email, users.name, users.role, users.created_at, users.updated_at
    FROM sessions
    JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1 AND sessions.expires_at > now() AND users.is_active
"""
PAGE: Final = """
    SELECT id, author_id, title, body, created_at, updated_at
    FROM posts
    WHERE id < $1
    ORDER BY id DESC
    LIMIT $2
"""
