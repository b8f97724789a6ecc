"""A query of each kind."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import TypedDict

from app.db import Affected, Db, Jsonb, Transaction, query, row, stream


class Mood(StrEnum):
    SAD = "sad"
    OK = "ok"


class Details(TypedDict):
    weight: float


@row
class Pet:
    id: int
    name: str
    mood: Mood | None
    details: Jsonb[Details]


@query("SELECT id, name, mood, details FROM pets WHERE id = $1")
async def get_pet(db: Db, id: int) -> Pet: ...


@query("SELECT id, name, mood, details FROM pets WHERE id = $1")
async def find_pet(db: Db, id: int) -> Pet | None: ...


@query("SELECT id, name, mood, details FROM pets ORDER BY id LIMIT $1")
async def list_pets(db: Db, limit: int = 20) -> list[Pet]: ...


@query("SELECT count(*) FROM pets")
async def count_pets(db: Db) -> int: ...


@query("SELECT name FROM pets WHERE id = $1")
async def find_name(db: Db, id: int) -> str | None: ...


@query("SELECT details FROM pets WHERE id = $1")
async def get_details(db: Db, id: int) -> Jsonb[Details]: ...


@query("UPDATE pets SET mood = $2, details = $3 WHERE id = $1")
async def change_pet(db: Db, id: int, mood: Mood | None, details: Jsonb[Details]) -> Affected: ...


@query("DELETE FROM pets")
async def delete_pets(db: Db) -> None: ...


@stream("SELECT id, name, mood, details FROM pets")
def stream_pets(db: Transaction) -> AsyncIterator[Pet]: ...
