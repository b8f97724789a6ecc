"""The database: a pool, typed queries, migrations. Knows nothing of the rest of the service."""

from app.db.database import Database, connect
from app.db.errors import UNAVAILABLE, DatabaseUnavailableError, on_constraint
from app.db.pool import Connection, DatabaseOptions, QueryObserver
from app.db.probe import Probe
from app.db.query import (
    Affected,
    Db,
    Jsonb,
    NoRowError,
    QueryError,
    TooManyRowsError,
    Transaction,
    query,
    row,
    stream,
)

__all__ = [
    "UNAVAILABLE",
    "Affected",
    "Connection",
    "Database",
    "DatabaseOptions",
    "DatabaseUnavailableError",
    "Db",
    "Jsonb",
    "NoRowError",
    "Probe",
    "QueryError",
    "QueryObserver",
    "TooManyRowsError",
    "Transaction",
    "connect",
    "on_constraint",
    "query",
    "row",
    "stream",
]
