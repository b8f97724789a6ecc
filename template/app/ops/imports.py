"""Imports the libraries that take longest, without what serving does not need of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict


def import_libraries() -> None:
    """Import FastAPI and structlog. For the start: before anything else imports them."""
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


def _never(_annotation: object) -> bool:
    return False


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
