"""Posts in SQL."""

from pydantic import AwareDatetime

from app.db import Affected, Db, query, row
from app.ids import PostId, UserId


@row
class Post:
    id: PostId
    author_id: UserId
    title: str
    body: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


@row
class MarkedPost(Post):
    """A post, as somebody who is logged in sees it in a list."""

    mine: bool


@query("""
    INSERT INTO posts (author_id, title, body)
    VALUES ($1, $2, $3)
    RETURNING id, author_id, title, body, created_at, updated_at
""")
async def create_post(db: Db, author_id: UserId, title: str, body: str) -> Post: ...


@query("SELECT id, author_id, title, body, created_at, updated_at FROM posts WHERE id = $1")
async def find_post(db: Db, id: PostId) -> Post | None: ...


@query("""
    SELECT id, author_id, title, body, created_at, updated_at
    FROM posts
    WHERE id = $1
    FOR UPDATE
""")
async def lock_post(db: Db, id: PostId) -> Post | None: ...


@query("""
    SELECT id, author_id, title, body, created_at, updated_at
    FROM posts
    WHERE id < $1
    ORDER BY id DESC
    LIMIT $2
""")
async def list_posts(db: Db, before: PostId, limit: int) -> list[Post]: ...


@query("""
    SELECT id, author_id, title, body, created_at, updated_at
    FROM posts
    WHERE author_id = $1 AND id < $2
    ORDER BY id DESC
    LIMIT $3
""")
async def list_posts_by(db: Db, author_id: UserId, before: PostId, limit: int) -> list[Post]: ...


@query("""
    UPDATE posts
    SET title = $2, body = $3, updated_at = clock_timestamp()
    WHERE id = $1
    RETURNING id, author_id, title, body, created_at, updated_at
""")
async def update_post(db: Db, id: PostId, title: str, body: str) -> Post: ...


@query("DELETE FROM posts WHERE id = $1")
async def delete_post(db: Db, id: PostId) -> Affected: ...
