"""Orders in SQL."""

from app.db import Db, query, row


@row
class Order:
    """An order."""

    id: int
    title: str


@query("SELECT id, title FROM orders ORDER BY id")
async def list_orders(db: Db) -> list[Order]: ...
