"""Calls that are right, and what they give."""

import asyncio
from typing import assert_type

from app.db import Affected, Connection, Database
from app.typed_calls.queries import (
    Details,
    Mood,
    Pet,
    change_pet,
    count_pets,
    delete_pets,
    find_name,
    find_pet,
    get_details,
    get_pet,
    list_pets,
    stream_pets,
)


async def on_the_pool(db: Database) -> None:
    assert_type(await get_pet(db, 1), Pet)
    assert_type(await find_pet(db, id=1), Pet | None)
    assert_type(await list_pets(db), list[Pet])
    assert_type(await list_pets(db, limit=3), list[Pet])
    assert_type(await count_pets(db), int)
    assert_type(await find_name(db, 1), str | None)
    assert_type(await get_details(db, 1), Details)
    assert_type(await change_pet(db, 1, Mood.OK, details={"weight": 1.5}), Affected)
    assert_type(await change_pet(db, 1, None, {"weight": 1.5}) + 1, int)
    await delete_pets(db)


async def in_a_transaction(db: Database) -> None:
    async with db.transaction() as transaction:
        assert_type(await get_pet(transaction, 1), Pet)
        async for pet in stream_pets(transaction):
            assert_type(pet, Pet)


async def on_a_connection(connection: Connection) -> None:
    assert_type(await get_pet(connection, 1), Pet)


async def at_once(db: Database) -> None:
    async with asyncio.TaskGroup() as tasks:
        pet = tasks.create_task(find_pet(db, 1))
        number = tasks.create_task(count_pets(db))
    assert_type(pet.result(), Pet | None)
    assert_type(number.result(), int)


def with_a_row(pet: Pet) -> None:
    assert_type(pet.id, int)
    assert_type(pet.mood, Mood | None)
    assert_type(pet.details, Details)
    assert_type(Pet(id=1, name="Rex", mood=None, details={"weight": 1.5}), Pet)
