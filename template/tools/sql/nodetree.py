"""A reader of PostgreSQL's node trees, the text form in which the server stores analysed queries.

`pg_rewrite.ev_action`, `pg_proc.prosqlbody`, `pg_constraint.conbin` and the like hold text such as

    {OPEXPR :opno 96 :args ({VAR :varno 1 :varattno 1} {CONST :constvalue 4 [ 1 0 0 0 ]})}

The reader knows the form, not the meaning: it has no list of node types or fields, so a tree of
another PostgreSQL version parses just as well.  Atoms stay as the server wrote them until an
accessor of `Node` reads them as what the caller expects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Value: TypeAlias = "str | Node | list[Value] | tuple[Value, ...] | None"
"""`<>` is None; an atom is a str; `(…)` is a list; a field that holds several values, as a
constant's bytes do, is a tuple."""

# Whitespace ends a token only if no backslash stands before it.
_TOKEN = re.compile(r"[(){}]|(?:\\.|[^ \n\t(){}\\])+", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class NodeTreeError(ValueError):
    """The text is not a node tree."""


@dataclass(slots=True)
class Node:
    """One `{TAG :field value …}`.

    The accessors never fail: a field that is missing or of another shape reads as empty, because
    trees differ between versions and the analysis must rather know less than stop.
    """

    tag: str
    fields: dict[str, Value] = field(default_factory=dict[str, Value])

    def node(self, name: str) -> Node | None:
        """The node in a field."""
        value = self.fields.get(name)
        return value if isinstance(value, Node) else None

    def nodes(self, name: str) -> list[Node]:
        """The nodes of a list field, leaving out anything else."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            return []
        return [item for item in value if isinstance(item, Node)]

    def integer(self, name: str, default: int = 0) -> int:
        value = self.fields.get(name)
        return _integer(value, default)

    def flag(self, name: str) -> bool:
        return self.fields.get(name) == "true"

    def text(self, name: str) -> str | None:
        """A string or single character, unescaped."""
        value = self.fields.get(name)
        return unescape(value) if isinstance(value, str) else None

    def texts(self, name: str) -> list[str]:
        """The strings of a list field, which are quoted there."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            return []
        return [unescape(item[1:-1]) for item in value if isinstance(item, str)]

    def integers(self, name: str) -> list[int]:
        """A list of integers `(i 1 2)` or OIDs `(o 1 2)`, or a set of integers `(b 1 2)`."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not value or value[0] not in ("i", "o", "b"):
            return []
        return [_integer(item, 0) for item in value[1:]]


def parse(text: str) -> Value:
    """Read a node tree: a node, a list of nodes, or None for `<>`."""
    root: list[Value] = []
    target: Node | list[Value] = root
    name: str | None = None
    # What encloses `target`: the outer container and, if that is a node, the field being filled.
    enclosing: list[tuple[Node | list[Value], str | None]] = []

    for word in _TOKEN.findall(text):
        value: Value
        if word in ("{", "("):
            enclosing.append((target, name))
            target, name = (Node(""), None) if word == "{" else ([], None)
            continue
        if word in ("}", ")"):
            if not enclosing or (word == "}") is not isinstance(target, Node):
                raise NodeTreeError(f"unexpected {word!r} in a node tree")
            value = target
            target, name = enclosing.pop()
        else:
            value = None if word == "<>" else word

        if isinstance(target, list):
            target.append(value)
        elif not target.tag:
            target.tag = word
        elif name is not None and name not in target.fields:
            # A field's first value is taken as it is: a name such as ":x" is no field.
            target.fields[name] = value
        elif isinstance(value, str) and value.startswith(":"):
            name = value[1:]
        elif name is not None:
            target.fields[name] = _several(target.fields[name], value)
        else:
            raise NodeTreeError(f"a value without a field in {target.tag}")

    if enclosing or len(root) != 1:
        raise NodeTreeError("a node tree that is not whole")
    return root[0]


def parse_nodes(text: str) -> list[Node]:
    """Read a node tree and return its top nodes, whatever lists they lie in."""
    return list(_top_nodes(parse(text)))


def dump(value: Value) -> str:
    """Write a tree as the server writes it, so that `dump(parse(text)) == text`."""
    match value:
        case None:
            return "<>"
        case str():
            return value
        case Node():
            fields = "".join(f" :{name} {dump(item)}" for name, item in value.fields.items())
            return f"{{{value.tag}{fields}}}"
        case list():
            return f"({' '.join(map(dump, value))})"
        case tuple():
            return " ".join(map(dump, value))


def walk(value: Value) -> Iterator[Node]:
    """Every node of a tree, outer before inner."""
    pending: list[Value] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, Node):
            yield item
            pending.extend(item.fields.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)


def unescape(atom: str) -> str:
    """The string that an atom stands for."""
    if atom == '""':
        return ""
    return _ESCAPE.sub(r"\1", atom) if "\\" in atom else atom


def _top_nodes(value: Value) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _top_nodes(item)


def _integer(value: Value, default: int) -> int:
    if not isinstance(value, str):
        return default
    try:
        return int(value)
    except ValueError:
        return default


def _several(first: Value, following: Value) -> tuple[Value, ...]:
    return (*first, following) if isinstance(first, tuple) else (first, following)
