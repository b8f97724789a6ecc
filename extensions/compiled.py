"""Compiled: each template string is compiled once, and what is no template not at all.

Copier compiles every part of every path, and the name of the answers file three times a file: most
of them are the same few strings, or plain names. Compiling them took a third of the time to render
a service.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension


class Compiled(Extension):
    """Lets the environment remember what it has compiled; what a template is given is not."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        setattr(environment, "from_string", cache(_compile(environment)))  # noqa: B010


class Plain:
    """What stands for a template in which there is nothing to do."""

    def __init__(self, text: str) -> None:
        self._text = text

    def render(self, *_: object, **__: object) -> str:
        return self._text


def _compile(environment: Environment) -> Callable[[str], Any]:
    compiled = environment.from_string
    # No line statements: copier.yml has none.
    starts = (
        environment.block_start_string,
        environment.variable_start_string,
        environment.comment_start_string,
        "\n",  # of which the last one goes
    )

    def compile_unless_plain(source: str) -> Any:
        # Copier tries what is no string, too, and expects Jinja's TypeError.
        if isinstance(source, str) and not any(start in source for start in starts):
            return Plain(source)
        return compiled(source)

    return compile_unless_plain
