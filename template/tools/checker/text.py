"""What can be said of a statement from its text alone, and words to say it in."""

import itertools
import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<skip> \s+ | --[^\n]* | /\*.*?\*/
      | (?i:e)?'(?:[^'\\]|''|\\.)*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<token> "(?:[^"]|"")*" | \$\d+ | \w+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_ENDS_A_COLUMN: Final = {"", ",", ")", ";", "FROM", "INTO", "WHERE", "UNION", "INTERSECT", "EXCEPT"}


def select_star(sql: str) -> int | None:
    """The position of a ``*`` that stands for columns; None where there is none.

    ``count(*)`` and products are no such thing: the first follows a bracket, the second has an
    operand after it.
    """
    tokens = _tokens(sql)
    for index, (token, position) in enumerate(tokens):
        if token != "*":
            continue
        before = tokens[index - 1][0] if index else ""
        after = tokens[index + 1][0].upper() if index + 1 < len(tokens) else ""
        if before != "(" and after in _ENDS_A_COLUMN:
            return position
    return None


def second_statement(sql: str) -> int | None:
    """The position of what follows a semicolon; None where nothing does."""
    tokens = _tokens(sql)
    for (token, _), (after, position) in itertools.pairwise(tokens):
        if token == ";" and after != ";":
            return position
    return None


def word(sql: str, name: str) -> int:
    """The position where a name stands in a statement; 0 where it does not."""
    positions = (at for token, at in _tokens(sql) if token.strip('"').lower() == name.lower())
    return next(positions, 0)


def _tokens(sql: str) -> list[tuple[str, int]]:
    """Words, operators and names in quotes, and where they begin; no strings and no comments."""
    return [(match["token"], match.start()) for match in _TOKEN.finditer(sql) if match["token"]]


def count(number: int, what: str, several: str = "") -> str:
    """``no errors``, ``1 error``, ``2 errors``."""
    return f"{number or 'no'} {what if number == 1 else several or f'{what}s'}"
