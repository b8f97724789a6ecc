"""Bare Starlette + asyncpg, doing for a request what the service does, and nothing beside.

The token is verified, its session looked up together with the user; the page is read and counted as
the service's. JSON is made by orjson. No request id, no log, no metrics, no limits, no time-out.
"""

import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import jwt
import orjson  # type: ignore[import-not-found] # installed for this program alone
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

USER: Final = """
    SELECT users.id, users.email, users.name, users.role, users.created_at, users.updated_at
    FROM sessions
    JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1 AND sessions.expires_at > now() AND users.is_active
"""
PAGE: Final = """
    SELECT id, author_id, title, body, created_at, updated_at
    FROM posts
    ORDER BY id DESC
    LIMIT $1
"""
LIMIT: Final = 20


class Program:
    """The handlers, and what they share."""

    def __init__(self) -> None:
        [key, *_] = json.loads(Path(os.environ["JWT_KEYS_FILE"]).read_text())["keys"]
        self._key = jwt.PyJWK(key)
        self._pool: asyncpg.Pool[asyncpg.Record]

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/api/v1/users/me", self.me),
            Route("/api/v1/posts", self.posts),
            Route("/livez", self.livez),
        ]
        return Starlette(routes=routes, lifespan=self.lifespan)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Hold the pool open. Nothing here changes a session's state: nothing is to be reset."""
        async with asyncpg.create_pool(
            os.environ["DATABASE_URL"], min_size=10, max_size=10, reset=keep
        ) as pool:
            self._pool = pool
            yield

    async def me(self, request: Request) -> Response:
        """The user who is signed in."""
        _, _, token = request.headers["authorization"].partition(" ")
        claims = jwt.decode(
            token,
            self._key,
            algorithms=[self._key.algorithm_name],
            audience=os.environ["JWT_AUDIENCE"],
            issuer=os.environ["JWT_ISSUER"],
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti", "sid", "role"]},
        )
        user = await self._pool.fetchrow(USER, UUID(claims["sid"]))
        return Response(status_code=401) if user is None else answer(dict(user))

    async def posts(self, _: Request) -> Response:
        """The newest posts."""
        rows = await self._pool.fetch(PAGE, LIMIT + 1)
        page = rows[:LIMIT]
        cursor = base64.urlsafe_b64encode(str(page[-1]["id"]).encode()).decode()
        more = cursor if len(rows) > LIMIT else None
        return answer({"items": [dict(row) for row in page], "next_cursor": more})

    async def livez(self, _: Request) -> Response:
        """That it runs."""
        return answer({"status": "ok"})


def answer(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content, default=str), media_type="application/json")


async def keep(_: Any) -> None:
    """In place of asyncpg's reset of a connection that goes back to the pool."""


def main() -> None:
    """Serve on the port that the command line names."""
    app = Program().app()
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
