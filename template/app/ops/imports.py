"""Imports the libraries that take longest, without what serving does not need of them."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict


def import_libraries() -> None:
    """Import FastAPI and structlog, and see to it that uvicorn and PyJWT will be imported lean. For
    the start: before anything else imports one of them.
    """
    # The models that FastAPI describes the API with, a twelfth of the start, are seldom asked for.
    with _models_built_when_used():
        import fastapi.utils
    # To refuse models of pydantic 1, FastAPI asks of each type whether it is one, which takes all
    # of pydantic.v1. In development and in the tests it asks, and lets none pass.
    utils: Any = fastapi.utils  # which has it for itself alone
    utils.annotation_is_pydantic_v1 = _never
    # Development has rich. structlog would import it, for tracebacks that are not printed here.
    with _hidden("rich"):
        import structlog  # noqa: F401
    # The package imports uvicorn's command line, with click and what starts processes.
    _defer("uvicorn")
    import uvicorn.config

    package: Any = uvicorn
    package.Config = uvicorn.config.Config  # which uvicorn's other modules ask the package for
    # PyJWT imports certificates, where cryptography is installed. Keys are JWKs here.
    _defer("cryptography.x509")


def _never(_annotation: object) -> bool:
    return False


def _defer(name: str) -> None:
    """Have a package that is installed run its ``__init__`` once it is asked for what that defines,
    with a module's ``__getattr__`` (PEP 562). Modules in the package can be imported without it.
    """
    if name in sys.modules:
        return
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # what the package is in
        return
    if not (spec and spec.loader):
        return
    loader, package = spec.loader, importlib.util.module_from_spec(spec)

    def run(attribute: str) -> object:
        del vars(package)["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    vars(package)["__getattr__"] = run
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)


@contextmanager
def _models_built_when_used() -> Iterator[None]:
    """Have pydantic build the models that are declared in the block when they are first used
    (https://docs.pydantic.dev/latest/api/config/#pydantic.config.ConfigDict.defer_build).
    """
    usual = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        yield
    finally:
        BaseModel.model_config = usual


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let imports of the module fail in the block, as where it is not installed: so does a None in
    its place (https://docs.python.org/3/reference/import.html#the-module-cache).
    """
    modules: dict[str, Any] = sys.modules
    if name in modules:
        yield
        return
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
