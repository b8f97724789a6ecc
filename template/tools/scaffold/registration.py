"""Adds a resource's router to app/api.py, whatever else that has come to hold."""

import ast
import itertools
from pathlib import Path
from typing import Final

from app.cli.failure import Failure
from tools.scaffold import ruff

API: Final = Path("app") / "api.py"
_ROUTER: Final = "router"


def registered(text: str, name: str) -> str:
    """The module with the router of ``name`` in it; as it is where somebody has put it there.

    Raises `Failure` where there is no telling what belongs where: it says what to write by hand.
    """
    imported = f"from app.{name} import routes as {name}"
    included = f"{_ROUTER}.include_router({name}.router)"
    by_hand = (
        f"add `{imported}` to its imports and `{included}` where its routers are put together, "
        "then run this again, which leaves the file alone once it imports the routes"
    )
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        raise Failure(f"{API}:{error.lineno} is no Python: {error.msg}") from error
    if any(_imports_from(node, f"app.{name}") for node in ast.walk(module)):
        return text
    if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(module)):
        raise Failure(f"{API} calls something else {name}: {by_hand}, by another name")
    imports, inclusions = _last_import(module), _last_inclusion(module)
    if not imports or not inclusions:
        raise Failure(f"{API} makes no {_ROUTER} at its top level: {by_hand}")
    lines = text.rstrip("\n").split("\n")
    lines.insert(inclusions, included)
    lines.insert(imports, imported)
    return ruff.sort_imports(API, "\n".join(lines) + "\n")


def _imports_from(node: ast.AST, package: str) -> bool:
    match node:
        case ast.ImportFrom(module=str(module)):
            return f"{module}.".startswith(f"{package}.")
        case ast.Import(names=names):
            return any(f"{item.name}.".startswith(f"{package}.") for item in names)
    return False


def _last_import(module: ast.Module) -> int:
    """The last line of the imports at the top; 0 where there are none."""
    code = module.body[1:] if ast.get_docstring(module) is not None else module.body
    imports = itertools.takewhile(lambda node: isinstance(node, ast.Import | ast.ImportFrom), code)
    return max((node.end_lineno or 0 for node in imports), default=0)


def _last_inclusion(module: ast.Module) -> int:
    """The last line of what makes the router, or includes others in it; 0 where nothing does."""
    if not any(map(_makes_router, module.body)):
        return 0
    return max(
        node.end_lineno or 0
        for node in module.body
        if _makes_router(node) or any(map(_includes, ast.walk(node)))
    )


def _makes_router(node: ast.stmt) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name == _ROUTER
    return False


def _includes(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="include_router")):
            return name == _ROUTER
    return False
