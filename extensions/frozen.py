"""Frozen: answers that a service keeps once it has been rendered.

For copier.yml, as the validator of a choice:

    frozen_error('id_type', 'uuidv7', _copier_conf)     why this can't be chosen any more; "" where
                                                        it is the answer, or none was given yet
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from jinja2.ext import Extension

_REASONS: Final = {
    "id_type": "the ids in its tables, tokens and clients' links are of that type. A service with"
    " another is a new one, to which data are moved",
}
"""By question."""


def frozen_error(question: str, choice: str, copier: Mapping[str, Any]) -> str:
    """Say why the service can't change its answer to this choice."""
    given = _given(question, Path(copier["dst_path"], copier["answers_file"]))
    if given in ("", choice):
        return ""
    return f"This service has {question}={given}, which stays: {_REASONS[question]}."


def _given(question: str, answers: Path) -> str:
    """The answer that the service was rendered with; nothing where it is rendered only now."""
    if not answers.is_file():
        return ""
    found = re.search(rf"^{question}: (\w+)$", answers.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


class Frozen(Extension):
    """Gives the rule to copier.yml."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(frozen_error=frozen_error)
