"""What PostgreSQL said of each statement, in files that are committed and read in reviews.

``sql/users.find_user.json`` holds one statement; ``sql/schema.lock`` the migrations that it was
asked about. Types are named, never numbered, so that the files are the same wherever they are made.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.db import migrations
from app.db.query import Statement
from tools.checker import pytypes
from tools.sql import Description, Field, Kind, Parameter, ResultColumn, SqlType

FOLDER: Final = Path("sql")
LOCK: Final = FOLDER / "schema.lock"


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement as it was when it was described."""

    sql: str
    optional: tuple[bool, ...]
    """Whether each parameter may be None: what can be NULL in the result depends on it."""
    description: Description


class SnapshotError(Exception):
    """The snapshot can't be read. Says which file, and what to do."""


def require() -> None:
    """Raises `SnapshotError` where there is no snapshot at all."""
    if not LOCK.exists():
        raise SnapshotError(f"there is no {LOCK}: `app sql prepare` makes the snapshot")


def path(name: str) -> Path:
    """The file of a statement."""
    return FOLDER / f"{name}.json"


def names() -> set[str]:
    """The statements that have a file."""
    return {file.stem for file in FOLDER.glob("*.json")}


def entry(statement: Statement, description: Description) -> Entry:
    """The statement as it is now."""
    return Entry(_normalised(statement.sql), optional(statement), description)


def optional(statement: Statement) -> tuple[bool, ...]:
    """Whether each parameter may be None."""
    return tuple(map(pytypes.is_optional, statement.parameters.values()))


def is_current(found: Entry, statement: Statement) -> bool:
    """Whether an entry is of the statement as it is written now."""
    return found.sql == _normalised(statement.sql) and found.optional == optional(statement)


def read(name: str) -> Entry | None:
    """The file of a statement, if there is one. Raises `SnapshotError`."""
    file = path(name)
    if not file.exists():
        return None
    try:
        return _load(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(
            f"{file} can't be read ({error}): `app sql prepare` writes it anew"
        ) from error


def write(entries: Mapping[str, Entry]) -> Iterator[Path]:
    """Make the folder hold these entries and no others. Yields the files that changed."""
    FOLDER.mkdir(exist_ok=True)
    for name in sorted(names() - entries.keys()):
        path(name).unlink()
        yield path(name)
    contents = {path(name): _dump(name, found) for name, found in entries.items()}
    contents[LOCK] = lock()
    for file, text in contents.items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            yield file


def lock() -> str:
    """The migrations as they are now: a line each, so that branches merge."""
    lines = (f"{item.label} {item.checksum()}\n" for item in migrations.load())
    return "".join(lines)


def locked() -> str:
    """The migrations that the snapshot was made with."""
    return LOCK.read_text(encoding="utf-8") if LOCK.exists() else ""


def _normalised(sql: str) -> str:
    """The SQL without the indentation that it has from the Python around it."""
    return inspect.cleandoc(sql)


def _dump(name: str, found: Entry) -> str:
    description = found.description
    types: dict[str, Any] = {}
    for sql_type in _types_of(description):
        _collect(sql_type, types)
    content = {
        "query": name,
        "sql": found.sql.splitlines(),
        "command": description.command,
        "rows": {"min": int(description.at_least_one_row), "max": _most(description)},
        "parameters": [
            _compact(
                type=parameter.type.sql,
                optional=optional,
                refuses_null=None if parameter.accepts_null else parameter.reason,
            )
            for parameter, optional in zip(description.parameters, found.optional, strict=True)
        ],
        "columns": [
            {
                "name": column.name,
                "type": column.type.sql,
                "nullable": column.nullable,
                "because": column.reason,
            }
            for column in description.columns
        ],
        "types": types,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _types_of(description: Description) -> Iterator[SqlType]:
    yield from (parameter.type for parameter in description.parameters)
    yield from (column.type for column in description.columns)


def _most(description: Description) -> int | None:
    return 1 if description.at_most_one_row else None


def _compact(**items: Any) -> dict[str, Any]:
    return {name: value for name, value in items.items() if value is not None}


def _collect(sql_type: SqlType, types: dict[str, Any]) -> None:
    """Note what a type is made of, where its name does not say it all."""
    if sql_type.kind is Kind.BASE:
        return
    types[sql_type.sql] = _compact(
        kind=sql_type.kind,
        labels=list(sql_type.labels) or None,
        part=sql_type.part.sql if sql_type.part else None,
        fields={field.name: field.type.sql for field in sql_type.fields} or None,
        not_null=sql_type.not_null or None,
    )
    for inner in (sql_type.part, *(field.type for field in sql_type.fields)):
        if inner:
            _collect(inner, types)


def _load(content: Mapping[str, Any]) -> Entry:
    types = content["types"]
    return Entry(
        sql="\n".join(content["sql"]),
        optional=tuple(item["optional"] for item in content["parameters"]),
        description=Description(
            command=content["command"],
            parameters=tuple(
                Parameter(
                    number=number,
                    type=_type(item["type"], types),
                    accepts_null="refuses_null" not in item,
                    reason=item.get("refuses_null", ""),
                )
                for number, item in enumerate(content["parameters"], 1)
            ),
            columns=tuple(
                ResultColumn(
                    item["name"], _type(item["type"], types), item["nullable"], item["because"]
                )
                for item in content["columns"]
            ),
            at_least_one_row=content["rows"]["min"] == 1,
            at_most_one_row=content["rows"]["max"] == 1,
        ),
    )


def _type(name: str, types: Mapping[str, Any]) -> SqlType:
    found = types.get(name, {})
    part = found.get("part")
    return SqlType(
        schema="",
        name="",
        sql=name,
        kind=Kind(found.get("kind", Kind.BASE)),
        labels=tuple(found.get("labels", ())),
        part=_type(part, types) if part else None,
        fields=tuple(
            Field(field, _type(inner, types)) for field, inner in found.get("fields", {}).items()
        ),
        not_null=found.get("not_null", False),
    )
