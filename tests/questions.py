"""The template's questions, from copier.yml."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from slipway import ROOT

QUESTIONS: Final[Mapping[str, Any]] = {
    name: question
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
    if not name.startswith("_")
}


def choices(question: str) -> list[Any]:
    """What can be answered to a question that has choices, or is for yes or no."""
    if QUESTIONS[question]["type"] == "bool":
        return [True, False]
    listed = QUESTIONS[question].get("choices", {}).values()
    return [choice["value"] if isinstance(choice, dict) else choice for choice in listed]
