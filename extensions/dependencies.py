"""Dependencies: who keeps them up to date, and where that can be.

For copier.yml:

    usual_dependency_updates(ci)    what most people have where continuous integration runs
    dependabot_error(ci)            why Dependabot can't be chosen there; "" where it can
"""

from typing import Final

from jinja2 import Environment
from jinja2.ext import Extension

_USUAL: Final = {"github": "dependabot", "gitlab": "renovate"}
"""Each platform's own, or what is most used there."""


def usual_dependency_updates(ci: str) -> str:
    """The answer that suits where continuous integration runs."""
    return _USUAL.get(ci, "none")


def dependabot_error(ci: str) -> str:
    """Say what to choose where there is no Dependabot, and why."""
    if ci == "gitlab":
        return "Choose renovate or none: Dependabot is a part of GitHub, and ci=gitlab."
    return ""


class Dependencies(Extension):
    """Gives the rules to copier.yml."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(
            dependabot_error=dependabot_error, usual_dependency_updates=usual_dependency_updates
        )
