"""Quoting: answers that people typed, written so that no file breaks whatever they typed.

Filters, for the answers that may hold anything but control characters (project_name, description,
author_name); the other answers need none:

    {{ description | double_quoted }}   "…", a string in TOML, YAML and JSON
    {{ description | python_string }}   "…", a string in Python, as the formatter would have it
    {{ project_name | markdown }}       plain text in Markdown
    {{ description | label }}           "…", a value in a Dockerfile (LABEL)
"""

import json
import re

from jinja2 import Environment
from jinja2.ext import Extension


def double_quoted(text: str) -> str:
    """A basic string in TOML, a double-quoted scalar in YAML, a string in JSON."""
    return json.dumps(text, ensure_ascii=False)


def python_string(text: str) -> str:
    """A literal in double quotes, or in single ones where that saves backslashes."""
    escaped = text.replace("\\", "\\\\")
    if text.count('"') > text.count("'"):
        return "'" + escaped.replace("'", "\\'") + "'"
    return '"' + escaped.replace('"', '\\"') + '"'


def markdown(text: str) -> str:
    """Text that Markdown shows as it was typed."""
    return re.sub(r"([\\`*_\[\]<>&#~|$])", r"\\\1", text)


def label(text: str) -> str:
    """A quoted value in a Dockerfile, in which nothing is taken for a variable."""
    return double_quoted(text).replace("$", "\\$")


class Quoting(Extension):
    """Gives the filters to the template."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(
            double_quoted=double_quoted, label=label, markdown=markdown, python_string=python_string
        )
