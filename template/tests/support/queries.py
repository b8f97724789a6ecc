"""What tests ask of the database through the service."""

from app.db import Db, query


@query("SELECT pg_sleep($1)::text")
async def sleep(db: Db, seconds: float) -> str: ...
