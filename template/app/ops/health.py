"""Is it alive, and can it work: for orchestrators and load balancers."""

from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app import about, resources

router = APIRouter(tags=["health"])

_TIMEOUT: Final = 1.5
"""Seconds; the answer has to be there within two."""


class Liveness(BaseModel):
    status: Literal["ok"] = "ok"


class Health(BaseModel):
    status: Literal["ok", "degraded"]
    version: str = Field(examples=[about.VERSION])
    database: Literal["ok", "unavailable"]
    stopping: bool = False


@router.get("/livez")
async def live() -> Liveness:
    """The process runs. Nothing else is asked: a restart here mends nothing elsewhere."""
    return Liveness()


@router.get("/health", responses={503: {"model": Health}})
async def health(request: Request, response: Response) -> Health:
    """The service can work: its database answers, and it is not about to stop."""
    stopping = resources.is_stopping(request.app)
    answers = await resources.of(request).probe.answers(within=_TIMEOUT)
    healthy = answers and not stopping
    if not healthy:
        response.status_code = 503
    return Health(
        status="ok" if healthy else "degraded",
        version=about.VERSION,
        database="ok" if answers else "unavailable",
        stopping=stopping,
    )
