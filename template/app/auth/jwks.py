"""The public keys, for other services to verify this one's tokens with (RFC 7517, section 5)."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app import resources
from app.problems import NotFoundError, problem_responses

router = APIRouter(tags=["auth"])


@router.get("/.well-known/jwks.json", responses=problem_responses(NotFoundError))
async def read_jwks(request: Request, response: Response) -> dict[str, list[dict[str, Any]]]:
    """The public signing keys. 404 where tokens are signed with a shared secret."""
    keys = resources.of(request).keys.public()
    if not keys:
        raise NotFoundError
    response.headers["Cache-Control"] = "public, max-age=300"
    return {"keys": [dict(key) for key in keys]}
