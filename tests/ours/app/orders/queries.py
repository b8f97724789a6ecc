"""Orders in SQL."""

from app.db import Db, query, row


@row
class Order:
    """An order."""

    id: int
    title: str
    paid: bool


@query("SELECT id, title, paid FROM orders ORDER BY id")
async def list_orders(db: Db) -> list[Order]: ...
