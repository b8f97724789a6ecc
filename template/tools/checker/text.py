"""What can be said of a statement from its text alone."""

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
    tokens = [(match["token"], match.start()) for match in _TOKEN.finditer(sql) if match["token"]]
    for index, (token, position) in enumerate(tokens):
        if token != "*":
            continue
        before = tokens[index - 1][0] if index else ""
        after = tokens[index + 1][0].upper() if index + 1 < len(tokens) else ""
        if before != "(" and after in _ENDS_A_COLUMN:
            return position
    return None
