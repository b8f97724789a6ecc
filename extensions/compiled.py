"""Compiled: each template string is compiled once.

Copier compiles every part of every path, and the name of the answers file three times a file: most
of them are the same few strings, and compiling them took a third of the time to render a service.
"""

from functools import cache

from jinja2 import Environment
from jinja2.ext import Extension


class Compiled(Extension):
    """Lets the environment remember what it has compiled; what a template is given is not."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        setattr(environment, "from_string", cache(environment.from_string))  # noqa: B010
