"""What goes wrong between the service and PostgreSQL, by what a caller can do about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import asyncpg


class DatabaseUnavailableError(Exception):
    """No connection could be had in time, or the server went away: try again later."""


UNAVAILABLE: Final[tuple[type[Exception], ...]] = (
    DatabaseUnavailableError,
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.OperatorInterventionError,  # class 57: the server is stopping, or starting
    asyncpg.InsufficientResourcesError,  # class 53: no disk, no memory, no connection left
    asyncpg.ReadOnlySQLTransactionError,  # 25006: a failover left a standby behind this address
    asyncpg.TransactionRollbackError,  # class 40: a deadlock, a standby that had to get on
    # A migration has changed what a statement answers; out of transactions asyncpg just repeats it.
    asyncpg.InvalidCachedStatementError,
    # asyncpg's answer between the server's last words and the end of the connection.
    asyncpg.InternalClientError,
)
"""Failures of the database, not of the request (PostgreSQL, appendix A). `QueryCanceledError`, of
class 57 too, is the exception: there it was the query that took too long."""


@contextmanager
def on_constraint(errors: Mapping[str, Exception]) -> Iterator[None]:
    """Raise ``errors[name]`` where the database refuses a row because of the constraint ``name``.

    To look first and insert afterwards would race; the constraint is the one place that knows.
    """
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as violation:
        error = errors.get(violation.constraint_name or "")
        if error is None:
            raise
        raise error from violation
