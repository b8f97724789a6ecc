"""What a user may do."""

from enum import StrEnum


class Role(StrEnum):
    """The labels of the type ``user_role`` in PostgreSQL."""

    USER = "user"
    ADMIN = "admin"
