"""Posts: ``/api/v1/posts``. The example to copy for a resource of one's own."""

from http import HTTPStatus
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Header, Request, Response

from app.answers import answer
from app.auth.dependencies import TOKEN_OPTIONAL, CurrentUser, OptionalUser, unauthenticated
from app.auth.errors import RevokedTokenError
from app.db import Db, on_constraint
from app.fields import Line, Omittable, RequestModel, Text
from app.http.etags import etag, etag_matches
from app.http.json_route import JsonRoute
from app.ids import PostId, PostIdInput, UserIdInput
from app.pages import DEFAULT_LIMIT, Cursor, Limit, Page, position
from app.posts import queries
from app.posts.queries import MarkedPost, Post
from app.problems import (
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    problem_responses,
)
from app.resources import Database
from app.users.queries import User
from app.users.roles import Role

router = APIRouter(prefix="/posts", tags=["posts"], route_class=JsonRoute)

IfMatch: TypeAlias = Annotated[
    str | None, Header(description="Change the post only if this is still its ETag.")
]
IfNoneMatch: TypeAlias = Annotated[
    str | None, Header(description="Answer 304 if this is still the ETag.")
]


class NewPost(RequestModel):
    title: Line
    body: Text


class PostPage(Page[Post]):
    """A page of posts."""


class MarkedPostPage(Page[MarkedPost]):
    """A page of posts, as somebody who is logged in sees it."""


class PostChanges(RequestModel):
    title: Omittable[Line] = None
    body: Omittable[Text] = None


@router.get("", responses=unauthenticated(), openapi_extra=TOKEN_OPTIONAL)
async def list_posts(
    user: OptionalUser,
    db: Database,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    author_id: UserIdInput | None = None,
) -> MarkedPostPage | PostPage:
    """All posts, or one author's, the newest first. With a token each says whether it is yours."""
    before = PostId(position(cursor))
    if author_id is None:
        posts = await queries.list_posts(db, before, limit + 1)
    else:
        posts = await queries.list_posts_by(db, author_id, before, limit + 1)
    if user is None:
        return PostPage.of(posts, limit)
    return MarkedPostPage.of([_mark(post, user) for post in posts], limit)


@router.get(
    "/{id}",
    responses=problem_responses(NotFoundError)
    | answer(HTTPStatus.OK, "ETag")
    | answer(HTTPStatus.NOT_MODIFIED, "ETag"),
    response_model=Post,
)
async def read_post(
    id: PostIdInput, response: Response, db: Database, if_none_match: IfNoneMatch = None
) -> Post | Response:
    """A post, with its version as ``ETag``."""
    post = await queries.find_post(db, id)
    if post is None:
        raise NotFoundError
    if if_none_match and etag_matches(if_none_match, _etag(post), weak=True):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": _etag(post)})
    response.headers["ETag"] = _etag(post)
    return post


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=unauthenticated() | answer(HTTPStatus.CREATED, "ETag", "Location"),
)
async def create_post(
    body: NewPost, request: Request, response: Response, user: CurrentUser, db: Database
) -> Post:
    """Write a post."""
    # The account may have been deleted meanwhile.
    with on_constraint({"posts_author_id_fkey": RevokedTokenError()}):
        post = await queries.create_post(db, user.id, body.title, body.body)
    response.headers["Location"] = request.app.url_path_for("read_post", id=str(post.id))
    response.headers["ETag"] = _etag(post)
    return post


@router.patch(
    "/{id}",
    responses=unauthenticated(ForbiddenError, NotFoundError, PreconditionFailedError)
    | answer(HTTPStatus.OK, "ETag"),
)
async def change_post(
    id: PostIdInput,
    body: PostChanges,
    response: Response,
    user: CurrentUser,
    db: Database,
    if_match: IfMatch = None,
) -> Post:
    """Change a post: for its author and administrators."""
    async with db.transaction() as transaction:
        post = await _lock(transaction, id, user)
        if if_match and not etag_matches(if_match, _etag(post)):
            raise PreconditionFailedError
        post = await queries.update_post(
            transaction, id, body.title or post.title, body.body or post.body
        )
    response.headers["ETag"] = _etag(post)
    return post


@router.delete(
    "/{id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=unauthenticated(ForbiddenError, NotFoundError, PreconditionFailedError),
)
async def delete_post(
    id: PostIdInput, user: CurrentUser, db: Database, if_match: IfMatch = None
) -> None:
    """Delete a post: for its author and administrators."""
    async with db.transaction() as transaction:
        post = await _lock(transaction, id, user)
        if if_match and not etag_matches(if_match, _etag(post)):
            raise PreconditionFailedError
        await queries.delete_post(transaction, id)


async def _lock(db: Db, id: PostId, user: User) -> Post:
    """The post, which nobody else can change until the transaction ends, if the user may."""
    post = await queries.lock_post(db, id)
    if post is None:
        raise NotFoundError
    if post.author_id != user.id and user.role is not Role.ADMIN:
        raise ForbiddenError
    return post


def _mark(post: Post, user: User) -> MarkedPost:
    return MarkedPost(
        id=post.id,
        author_id=post.author_id,
        title=post.title,
        body=post.body,
        created_at=post.created_at,
        updated_at=post.updated_at,
        mine=post.author_id == user.id,
    )


def _etag(post: Post) -> str:
    return etag(post.title, post.body, post.updated_at)
