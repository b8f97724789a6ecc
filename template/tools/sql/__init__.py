"""The SQL checker's knowledge of SQL: what PostgreSQL says of a statement, and what can be NULL.

`describe` and `describe_all` are the way in. Behind them, `description` asks the server,
`catalogue` reads what its trees name, and `nullability` and `tables` judge expressions and columns.
"""

from tools.sql.description import (
    Description,
    Parameter,
    ResultColumn,
    SqlError,
    Statement,
    describe,
    describe_all,
)
from tools.sql.nullability import Promises
from tools.sql.sqltypes import Field, Kind, SqlType

__all__ = [
    "Description",
    "Field",
    "Kind",
    "Parameter",
    "Promises",
    "ResultColumn",
    "SqlError",
    "SqlType",
    "Statement",
    "describe",
    "describe_all",
]
