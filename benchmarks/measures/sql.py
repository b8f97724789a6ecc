"""How long ``app sql check`` takes on 200 queries: python -m benchmarks.measures.sql

Offline it may take a second, live 5, of the time that passes, the interpreter's start included. A
service is rendered and filled up with queries. Exits with 1 where even the fastest round breaks a
bound: whatever else the machine does makes a round slower, and nothing makes it faster. Offline it
is the processor time that decides: a command that waits for nothing takes as long when it is alone.
"""

import argparse
import json
import resource
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.results.noise import Bound, Spread
from benchmarks.results.report import Section, table
from benchmarks.stage import machine, services
from benchmarks.stage.services import Service
from slipway import say

QUERIES: Final = 200
OFFLINE: Final = "offline"
FIRST_LIVE: Final = "live, with no database server yet"
LIVE: Final = "live, with the migrated template of the run before"
PROCESSOR: Final = "offline, of processor time"
BOUNDS: Final = {PROCESSOR: 1.0, FIRST_LIVE: 5.0, LIVE: 5.0}

TABLE: Final = """
CREATE TABLE {name} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES {name} ON DELETE CASCADE,
    title text NOT NULL,
    note text,
    amount numeric NOT NULL,
    tags text[] NOT NULL DEFAULT '{{}}',
    created_at timestamptz NOT NULL DEFAULT now()
);
"""
HEADER: Final = '''"""Queries to measure with."""

from decimal import Decimal

from pydantic import AwareDatetime

from app.db import Affected, Db, query, row


@row
class Item:
    id: int
    title: str
    note: str | None
    amount: Decimal
    tags: list[str]
    created_at: AwareDatetime


@row
class Child:
    id: int
    title: str
    parent: str | None
    siblings: int
'''
DOMAIN: Final = [
    """
@query("SELECT id, title, note, amount, tags, created_at FROM {name} WHERE id = $1")
async def find(db: Db, id: int) -> Item | None: ...
""",
    '''
@query("""
    SELECT id, title, note, amount, tags, created_at
    FROM {name}
    WHERE id < $1 AND title ILIKE $2
    ORDER BY id DESC
    LIMIT $3
""")
async def search(db: Db, before: int, pattern: str, limit: int) -> list[Item]: ...
''',
    '''
@query("""
    INSERT INTO {name} (parent_id, title, note, amount, tags)
    VALUES ($1, $2, $3, $4, $5)
    RETURNING id, title, note, amount, tags, created_at
""")
async def create(
    db: Db, parent_id: int | None, title: str, note: str | None, amount: Decimal, tags: list[str]
) -> Item: ...
''',
    '''
@query("""
    UPDATE {name}
    SET title = $2, note = coalesce($3, note)
    WHERE id = $1
    RETURNING id, title, note, amount, tags, created_at
""")
async def change(db: Db, id: int, title: str, note: str | None) -> Item | None: ...
''',
    """
@query("DELETE FROM {name} WHERE id = $1")
async def delete(db: Db, id: int) -> Affected: ...
""",
    """
@query("SELECT count(*) FROM {name} WHERE parent_id = $1")
async def count_children(db: Db, parent_id: int) -> int: ...
""",
    """
@query("SELECT EXISTS (SELECT FROM {name} WHERE title = $1)")
async def title_exists(db: Db, title: str) -> bool: ...
""",
    """
@query("SELECT sum(amount) FROM {name} WHERE created_at >= $1")
async def total_since(db: Db, since: AwareDatetime) -> Decimal | None: ...
""",
    '''
@query("""
    SELECT c.id, c.title, p.title AS parent,
        (SELECT count(*) FROM {name} s WHERE s.parent_id = p.id) AS siblings
    FROM {name} c
    LEFT JOIN {name} p ON p.id = c.parent_id
    WHERE c.id = ANY($1)
""")
async def with_parents(db: Db, ids: list[int]) -> list[Child]: ...
''',
    '''
@query("""
    WITH RECURSIVE path AS (
        SELECT id, parent_id, title FROM {name} WHERE id = $1
        UNION ALL
        SELECT n.id, n.parent_id, n.title FROM {name} n JOIN path p ON n.id = p.parent_id
    )
    SELECT title FROM path
""")
async def path_of(db: Db, id: int) -> list[str]: ...
''',
]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure the SQL checker.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slack", type=float, default=1, help="a factor on the bounds of time")
    parser.add_argument("--json", type=Path, help="a file to write the numbers to")
    options = parser.parse_args()
    with services.rendered() as service:
        fill(service)
        rounds = measure(service, options.rounds)
    if options.json:
        options.json.write_text(json.dumps({"seconds": rounds, "machine": machine.described()}))
    print(shown(rounds))
    slow = [name for name, bound in BOUNDS.items() if min(rounds[name]) > bound * options.slack]
    if slow:
        sys.exit(f"slower than it may be: {'; '.join(slow)}")


def section(service: Service, rounds: int) -> Section:
    """The same, as a part of all that is measured. ``service`` has more queries afterwards."""
    say(f"Measuring the check of {QUERIES} queries, {rounds} rounds ...")
    fill(service)
    measured = {name: Spread.of(values) for name, values in measure(service, rounds).items()}
    return Section(
        f"`app sql check` of {QUERIES} queries",
        ("", "s", "bound"),
        [[name, one.text(), f"{BOUNDS.get(name, '')}"] for name, one in measured.items()],
        {name: one.median for name, one in measured.items()},
        [
            Bound(f"the check of {QUERIES} queries, {name}, s", measured[name], at_most=bound)
            for name, bound in BOUNDS.items()
        ],
    )


def fill(service: Service) -> None:
    """Add domains until there are as many queries as wanted, and make the snapshot."""
    missing = QUERIES - len(list((service.folder / "sql").glob("*.json")))
    tables = []
    for number in range(0, missing, len(DOMAIN)):
        name = f"items_{number}"
        tables.append(TABLE.format(name=name))
        queries = [text.format(name=name) for text in DOMAIN[: missing - number]]
        folder = service.folder / "app" / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "queries.py").write_text("\n".join([HEADER, *queries]))
    migration = service.folder / "migrations" / "20990101000000_items"
    migration.with_suffix(".up.sql").write_text("".join(tables))
    migration.with_suffix(".down.sql").write_text("SELECT 1;\n")
    service.app("sql", "prepare")


def measure(service: Service, rounds: int) -> dict[str, list[float]]:
    """The seconds that each command takes, each time."""
    found: dict[str, list[float]] = {name: [] for name in (OFFLINE, PROCESSOR, FIRST_LIVE, LIVE)}
    for _ in range(rounds):
        before = processor_seconds()
        found[OFFLINE].append(seconds(service, "sql", "check"))
        found[PROCESSOR].append(processor_seconds() - before)
        shutil.rmtree(service.folder / ".postgres")
        found[FIRST_LIVE].append(seconds(service, "sql", "check", "--live"))
        found[LIVE].append(seconds(service, "sql", "check", "--live"))
    return found


def seconds(service: Service, *arguments: str) -> float:
    """How long a command takes."""
    started = time.perf_counter()
    service.app(*arguments)
    return time.perf_counter() - started


def processor_seconds() -> float:
    """What the programs have used that this one has run so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shown(measured: dict[str, list[float]]) -> str:
    """The numbers for people, as Markdown."""
    rows = [
        (name, f"{statistics.median(values):.2f}", f"{BOUNDS.get(name, '')}")
        for name, values in measured.items()
    ]
    columns = (f"`app sql check`, {QUERIES} queries", "s", "bound")
    return f"{table(columns, rows)}\n\n{machine.described()}"


if __name__ == "__main__":
    main()
