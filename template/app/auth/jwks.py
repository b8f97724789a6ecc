"""The public keys, for other services to verify this one's tokens with (RFC 7517, section 5)."""

import json
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field

from app import resources
from app.answers import answer
from app.http.etags import etag, etag_matches
from app.problems import NotFoundError, problem_responses

MAX_AGE: Final = 300
"""Seconds for which others may keep the keys. `app keys rotate` gives them longer than that to see
a new one."""

IfNoneMatch: TypeAlias = Annotated[
    str | None, Header(description="Answer 304 if this is still the ETag.")
]

router = APIRouter(tags=["auth"])


class JwkSet(BaseModel):
    """A JWK Set of public keys (RFC 7517, section 5)."""

    keys: list[dict[str, Any]] = Field(
        examples=[[{"kty": "RSA", "kid": "2026-01", "use": "sig", "alg": "RS256", "e": "AQAB"}]]
    )


@router.get(
    "/.well-known/jwks.json",
    response_model=JwkSet,
    responses=problem_responses(NotFoundError)
    | answer(HTTPStatus.OK, "Cache-Control", "ETag")
    | answer(HTTPStatus.NOT_MODIFIED, "Cache-Control", "ETag"),
)
async def read_jwks(request: Request, if_none_match: IfNoneMatch = None) -> Response:
    """The public signing keys. 404 where tokens are signed with a shared secret."""
    keys = resources.of(request).keys.public()
    if not keys:
        raise NotFoundError
    body = json.dumps({"keys": keys})
    headers = {"Cache-Control": f"public, max-age={MAX_AGE}", "ETag": etag(body)}
    if if_none_match and etag_matches(if_none_match, headers["ETag"], weak=True):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
