"""What is asked of the database itself."""

from app.db.query import Db, query


@query("SELECT 1")
async def ping(db: Db) -> int: ...
