"""Writes a resource's files from the templates beside this module.

A template is the file as somebody would write it, with ``%{things}`` where resources differ. The
order of imports, the ends of lines and what is not needed after all are left to ruff.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Final

from tools.scaffold import ruff
from tools.scaffold.fields import Field
from tools.scaffold.names import ANOTHER_SINGULAR, Names, Refusal

_TEMPLATES: Final = Path(__file__).with_name("templates")
_WIDTH: Final = 96
"""Of a line of SQL, which is indented by four."""

_ITEMS_APART: Final = ",\n        "


class _Template(Template):
    delimiter = "%"  # $1 is SQL's


def code(names: Names, fields: Sequence[Field]) -> dict[Path, str]:
    """The package and its tests. Raises `Refusal` for a name that means two things in them."""
    package = Path("app") / names.plural
    templates = {
        package / "__init__.py": "package.py",
        package / "ids.py": "ids.py",
        package / "queries.py": "queries.py",
        package / "routes.py": "routes.py",
        tests_of(names.plural): "test.py",
    }
    values = _values(names, fields)
    texts = {path: _filled(template, values) for path, template in templates.items()}
    for path, text in texts.items():
        _check_names(path, text)
    return {path: ruff.tidy(path, text) for path, text in texts.items()}


def tests_of(name: str) -> Path:
    """Where a resource's tests are."""
    return Path("tests") / "api" / f"test_{name}.py"


def migration(names: Names, fields: Sequence[Field]) -> tuple[str, str]:
    """The SQL that makes the table, and what undoes it."""
    values = _values(names, fields)
    return _filled("up.sql", values), _filled("down.sql", values)


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (_TEMPLATES / f"{template}.template").read_text(encoding="utf-8")
    return _Template(text).substitute(values)


def _check_names(path: Path, text: str) -> None:
    for name, times in Counter(_bound(ast.parse(text))).items():
        if times > 1:
            raise Refusal(f"{name} would mean two things in {path}: {ANOTHER_SINGULAR}")


def _bound(module: ast.Module) -> Iterator[str]:
    """What a module imports and defines."""
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (item.asname or item.name for item in node.names)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def _values(names: Names, fields: Sequence[Field]) -> dict[str, str]:
    """What stands for each placeholder."""
    own = [field.name for field in fields]
    optional = [field for field in fields if field.optional]
    required = [field for field in fields if not field.optional]
    assignments = [f"{name} = ${number}" for number, name in enumerate(own, 2)]
    return {
        "things": names.plural,
        "thing": names.singular,
        "Thing": names.class_name,
        "words": names.plural.replace("_", " "),
        "Words": names.plural.replace("_", " ").capitalize(),
        # SQL
        "definitions": ",\n    ".join(map(_definition, fields)),
        "returning": _clause("RETURNING", ["id", "owner_id", *own, "created_at", "updated_at"]),
        "select": _clause("SELECT", ["id", "owner_id", *own, "created_at", "updated_at"]),
        "set": _clause("SET", [*assignments, "updated_at = clock_timestamp()"]),
        "insert": _in_brackets(f"INSERT INTO {names.plural}", ["owner_id", *own]),
        "values": _in_brackets("VALUES", [f"${number}" for number in range(1, len(own) + 2)]),
        # Python
        "imports": "\n".join(_imports(fields)),
        "columns_typed": "\n    ".join(map(_typed, fields)),
        "parameters": ", ".join(map(_typed, fields)),
        "new": "\n    ".join(map(_new, fields)),
        "changes": "\n    ".join(map(_change, fields)),
        "of_body": ", ".join(f"body.{name}" for name in own),
        "of_wanted": ", ".join(f"wanted.{name}" for name in own),
        "of_found": ", ".join(f"found.{name}" for name in own),
        # Tests
        "required": ", ".join(map(_example, required)),
        "complete": ", ".join(["**REQUIRED", *map(_example, optional)]),
        "changed": ", ".join(f'"{field.name}": {field.kind.another}' for field in fields),
        "wrong": ", ".join(f'{{"{field.name}": {field.kind.wrong}}}' for field in fields),
    }


def _clause(word: str, items: Sequence[str]) -> str:
    """The items on the line of the word; if they are too many, each on one of its own."""
    line = f"{word} {', '.join(items)}"
    if len(line) <= _WIDTH:
        return line
    return f"{word}\n        {_ITEMS_APART.join(items)}"


def _in_brackets(words: str, items: Sequence[str]) -> str:
    line = f"{words} ({', '.join(items)})"
    if len(line) <= _WIDTH:
        return line
    return f"{words} (\n        {_ITEMS_APART.join(items)}\n    )"


def _definition(field: Field) -> str:
    return f"{field.name} {field.kind.sql}{'' if field.optional else ' NOT NULL'}"


def _imports(fields: Sequence[Field]) -> Iterator[str]:
    """All that the types of fields need somewhere."""
    yield "from app.fields import Omittable"
    for kind in sorted({field.kind for field in fields}, key=lambda kind: kind.request):
        if kind.imported:
            yield kind.imported
        if kind.request != kind.row:
            yield f"from app.fields import {kind.request}"


def _typed(field: Field) -> str:
    return f"{field.name}: {field.kind.row}{' | None' if field.optional else ''}"


def _new(field: Field) -> str:
    return f"{field.name}: {field.kind.request}{' | None = None' if field.optional else ''}"


def _change(field: Field) -> str:
    kind = field.kind.request
    return f"{field.name}: {f'{kind} | None' if field.optional else f'Omittable[{kind}]'} = None"


def _example(field: Field) -> str:
    return f'"{field.name}": {field.kind.value}'
