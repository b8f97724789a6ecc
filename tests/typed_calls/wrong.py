"""Calls that are wrong: each in one line, which a type checker has to report."""

from app.db import Database
from app.typed_calls.queries import (
    Pet,
    change_pet,
    count_pets,
    delete_pets,
    find_name,
    find_pet,
    get_pet,
    list_pets,
    stream_pets,
)


async def arguments(db: Database) -> None:
    await get_pet(db)
    await get_pet(db, "1")
    await get_pet(db, None)
    await get_pet(db, 1, 2)
    await get_pet(db, identifier=1)
    await get_pet(1)
    await get_pet("SELECT 1", 1)
    await list_pets(db, limit="3")
    await change_pet(db, 1, "ok", {"weight": 1.5})
    await change_pet(db, 1, None, {"height": 1.5})
    await change_pet(db, 1, None, None)


async def results(db: Database) -> None:
    str(len(await count_pets(db)))
    str((await find_pet(db, 1)).name)
    str((await get_pet(db, 1)).nickname)
    str((await find_name(db, 1)).upper())
    str(get_pet(db, 1).name)
    str((await delete_pets(db)).name)


async def streams(db: Database) -> None:
    str([pet async for pet in stream_pets(db)])
    async with db.transaction() as transaction:
        list(stream_pets(transaction))


def rows(pet: Pet) -> None:
    pet.name = "Rex"
    Pet(1)
