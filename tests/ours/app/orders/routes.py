"""Orders, by which a user's own domain is tested in updates."""

from fastapi import APIRouter

from app.auth.dependencies import CurrentUser, unauthenticated
from app.orders import queries
from app.orders.queries import Order
from app.resources import Database

router = APIRouter(prefix="/orders", tags=["orders"])


@router.get("", responses=unauthenticated())
async def list_orders(_: CurrentUser, db: Database) -> list[Order]:
    """All orders."""
    return await queries.list_orders(db)
