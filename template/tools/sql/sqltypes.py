"""Types, described by their names and parts so that a description outlives its database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from tools.sql.catalogue import Connection


class Kind(StrEnum):
    """What a type is made of."""

    BASE = "base"
    ENUM = "enum"
    DOMAIN = "domain"
    ARRAY = "array"
    COMPOSITE = "composite"
    RANGE = "range"
    MULTIRANGE = "multirange"
    PSEUDO = "pseudo"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a composite type. It can be NULL, whatever its table says."""

    name: str
    type: SqlType


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type of PostgreSQL."""

    schema: str
    name: str
    """As in `pg_type`: `int4`, `_text`, `mood`."""
    sql: str
    """As SQL spells it, with its schema if it is not in the search path: `integer`, `text[]`."""
    kind: Kind
    labels: tuple[str, ...] = ()
    """An enum's, in order."""
    part: SqlType | None = None
    """What an array holds, a range is over, or a domain restricts."""
    fields: tuple[Field, ...] = ()
    """A composite type's, in order."""
    not_null: bool = False
    """Whether a domain, or one under it, refuses NULL in a cast or a parameter."""


async def load_types(connection: Connection, oids: Collection[int]) -> dict[int, SqlType]:
    """Describe types by OID, with all that they are made of."""
    records = {record["oid"]: record for record in await connection.fetch(_TYPES, list(oids))}
    return {oid: _build(oid, records) for oid in oids if oid in records}


def _build(oid: int, records: Mapping[int, asyncpg.Record]) -> SqlType:
    # PostgreSQL lets no type contain itself, so this ends.
    record = records[oid]
    part = _build(record["part"], records) if record["part"] else None
    return SqlType(
        schema=record["schema"],
        name=record["name"],
        sql=record["sql"],
        kind=Kind(record["kind"]),
        labels=tuple(record["labels"]),
        part=part,
        fields=tuple(
            Field(name, _build(field, records))
            for name, field in zip(record["field_names"], record["field_types"], strict=True)
        ),
        not_null=record["not_null"]
        or (record["kind"] == Kind.DOMAIN and part is not None and part.not_null),
    )


_TYPES = """
    WITH RECURSIVE type AS (
        SELECT t.oid, t.typnamespace, t.typname, t.typrelid, t.typnotnull,
               CASE WHEN element.oid IS NOT NULL THEN 'array'
                    WHEN t.typtype = 'b' THEN 'base'
                    WHEN t.typtype = 'c' THEN 'composite'
                    WHEN t.typtype = 'd' THEN 'domain'
                    WHEN t.typtype = 'e' THEN 'enum'
                    WHEN t.typtype = 'm' THEN 'multirange'
                    WHEN t.typtype = 'r' THEN 'range'
                    ELSE 'pseudo' END AS kind,
               coalesce(element.oid, nullif(t.typbasetype, 0), range.rngsubtype,
                        multirange.rngtypid) AS part
        FROM pg_catalog.pg_type AS t
        LEFT JOIN pg_catalog.pg_type AS element ON element.typarray = t.oid
        LEFT JOIN pg_catalog.pg_range AS range ON range.rngtypid = t.oid
        LEFT JOIN pg_catalog.pg_range AS multirange ON multirange.rngmultitypid = t.oid
    ),
    needed (oid) AS (
        SELECT oid FROM unnest($1::oid[]) AS oid
        UNION
        SELECT inner_type.oid
        FROM needed
        JOIN type ON type.oid = needed.oid
        CROSS JOIN LATERAL (
            SELECT type.part WHERE type.part IS NOT NULL
            UNION ALL
            SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
            WHERE type.kind = 'composite' AND a.attrelid = type.typrelid
              AND a.attnum > 0 AND NOT a.attisdropped
        ) AS inner_type (oid)
    )
    SELECT type.oid,
           n.nspname AS schema,
           type.typname AS name,
           format_type(type.oid, NULL) AS sql,
           type.kind,
           type.part,
           type.typnotnull AS not_null,
           ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e
                 WHERE e.enumtypid = type.oid ORDER BY e.enumsortorder) AS labels,
           coalesce(field.names, '{}') AS field_names,
           coalesce(field.types, '{}') AS field_types
    FROM needed
    JOIN type ON type.oid = needed.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = type.typnamespace
    LEFT JOIN LATERAL (
        SELECT array_agg(a.attname::text ORDER BY a.attnum) AS names,
               array_agg(a.atttypid ORDER BY a.attnum) AS types
        FROM pg_catalog.pg_attribute AS a
        WHERE type.kind = 'composite' AND a.attrelid = type.typrelid
          AND a.attnum > 0 AND NOT a.attisdropped
    ) AS field ON true
"""
