"""Bare Starlette + asyncpg, doing for a request what the service does, and nothing beside.

The same: the checks of the token, by PyJWT with the service's keys; the session looked up together
with its user; each query, on a pool of ten connections that are not reset; the page, counted and
serialised by orjson, the fastest that there is; what is written. Not there: request id, log,
metrics, limits, time-outs, problems, headers beside HTTP's own.

Tokens are verified anew on each request, as a plain program does. The service remembers of a token
what can't change; with REMEMBER_TOKENS in the environment so does this.
"""

import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import asyncpg
import jwt
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from statements import PAGE, USER

from app.ids import LAST_ID, SessionId, pack_id, parse_id

CREATE: Final = """
    INSERT INTO posts (author_id, title, body)
    VALUES ($1, $2, $3)
    RETURNING id, author_id, title, body, created_at, updated_at
"""
LIMIT: Final = 20
TYPE: Final = "at+jwt"
PRIVATE: Final = {"d", "p", "q", "dp", "dq", "qi"}
"""The members of an RSA key that only sign (RFC 7518, section 6.3.2)."""
REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub", "jti", "sid", "role"]


class Program:
    """The handlers, and what they share."""

    def __init__(self) -> None:
        keys = json.loads(Path(os.environ["JWT_KEYS_FILE"]).read_text())["keys"]
        self._keys = {key["kid"]: verifying(key) for key in keys}
        self._issuer = os.environ["JWT_ISSUER"]
        self._audience = os.environ["JWT_AUDIENCE"]
        self._session_of = self._verify
        if "REMEMBER_TOKENS" in os.environ:
            self._session_of = lru_cache(self._verify)
        self._pool: asyncpg.Pool[asyncpg.Record]

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/api/v1/users/me", self.me),
            Route("/api/v1/posts", self.posts),
            Route("/api/v1/posts", self.create, methods=["POST"]),
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
        user = await self._user(request)
        return Response(status_code=401) if user is None else answer(dict(user))

    async def posts(self, request: Request) -> Response:
        """The newest posts; whoever is signed in is told which are theirs."""
        user = None
        if "authorization" in request.headers:
            user = await self._user(request)
            if user is None:
                return Response(status_code=401)
        rows = await self._pool.fetch(PAGE, LAST_ID, LIMIT + 1)
        items = [dict(row) for row in rows[:LIMIT]]
        more = None
        if len(rows) > LIMIT:
            more = base64.urlsafe_b64encode(pack_id(items[-1]["id"])).decode().rstrip("=")
        if user is not None:
            for item in items:
                item["mine"] = item["author_id"] == user["id"]
        return answer({"items": items, "next_cursor": more})

    async def create(self, request: Request) -> Response:
        """Write a post."""
        user = await self._user(request)
        if user is None:
            return Response(status_code=401)
        body = orjson.loads(await request.body())
        post = await self._pool.fetchrow(CREATE, user["id"], body["title"], body["body"])
        return answer(dict(post or {}), 201)

    async def livez(self, _: Request) -> Response:
        """That it runs."""
        return answer({"status": "ok"})

    async def _user(self, request: Request) -> asyncpg.Record | None:
        _, _, token = request.headers["authorization"].partition(" ")
        return await self._pool.fetchrow(USER, self._session_of(token))

    def _verify(self, token: str) -> SessionId:
        """The session of a token that is good. With tokens remembered, only that it has expired
        would go unnoticed, in a program that runs for minutes.
        """
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TYPE:
            raise jwt.InvalidTokenError(TYPE)
        key = self._keys[header["kid"]]
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=self._audience,
            issuer=self._issuer,
            options={"require": REQUIRED},
        )
        return SessionId(parse_id(claims["sid"]))


def verifying(key: Mapping[str, Any]) -> jwt.PyJWK:
    """What a key of the service's verifies with: the same secret, or the public part."""
    return jwt.PyJWK({name: value for name, value in key.items() if name not in PRIVATE})


def answer(content: dict[str, Any], status: int = 200) -> Response:
    """Content as JSON, asyncpg's own kind of UUID too."""
    return Response(orjson.dumps(content, default=str), status, media_type="application/json")


async def keep(_: Any) -> None:
    """In place of asyncpg's reset of a connection that goes back to the pool."""


def main() -> None:
    """Serve on the port that the command line names."""
    app = Program().app()
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
