"""The values of constants in a tree, of the few types that the analysis looks into."""

from __future__ import annotations

from tools.sql.nodetree import Node

# OIDs of types, and of a cast between them.
_BIGINT = 20
_INTEGER = 23
_TEXT = 25
_INTEGER_TO_BIGINT = 481


def text(expression: Node) -> str | None:
    """The value of a constant of type text."""
    value = _bytes(expression)
    if value is None or expression.integer("consttype") != _TEXT:
        return None
    return value[4:].decode(errors="replace")  # after its length


def integer(expression: Node) -> int | None:
    """The value of a constant integer, on a little-endian server, cast to bigint or not."""
    if expression.tag == "FUNCEXPR" and expression.integer("funcid") == _INTEGER_TO_BIGINT:
        return next(map(integer, expression.nodes("args")), None)
    value = _bytes(expression)
    if value is None or expression.integer("consttype") not in (_INTEGER, _BIGINT):
        return None
    return int.from_bytes(value, "little", signed=True)


def is_array_without_null(expression: Node) -> bool:
    """Whether it is a constant array of which no element is NULL."""
    # An array's header has its length, its number of dimensions, and, if there is a bitmap of
    # NULLs, where the data behind that begins, else 0; four bytes each.
    value = _bytes(expression)
    return value is not None and len(value) >= 12 and not any(value[8:12])


def _bytes(expression: Node) -> bytes | None:
    """A constant's value as the server holds it: `4 [ 1 0 0 0 ]`, each byte signed."""
    value = expression.fields.get("constvalue")
    if expression.tag != "CONST" or not isinstance(value, tuple):
        return None
    return bytes(
        int(item) & 0xFF
        for item in value[1:]
        if isinstance(item, str) and item.lstrip("-").isdigit()
    )
