"""How a command says that it could not do its work."""

from collections.abc import Iterator
from contextlib import contextmanager


class Failure(Exception):  # noqa: N818 -- it is no error of the program's
    """Ends the command with a sentence and exit code 1."""


@contextmanager
def failing_on(*errors: type[Exception]) -> Iterator[None]:
    """Let these errors, whose messages are written for people, end the command."""
    try:
        yield
    except errors as error:
        raise Failure(str(error)) from error
