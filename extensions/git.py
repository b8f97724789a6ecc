"""Git: who is asking, where git knows.

For copier.yml:

    git_config('user.name')     the value in git's configuration; "" where there is none, or no git
"""

import shutil
import subprocess

from jinja2 import Environment
from jinja2.ext import Extension


def git_config(key: str) -> str:
    """Look a value up in git's configuration."""
    git = shutil.which("git")
    if git is None:
        return ""
    found = subprocess.run(  # noqa: S603 - the key is the template's own, and there is no shell
        [git, "config", "--get", key], capture_output=True, check=False
    )
    return found.stdout.decode(errors="replace").strip()


class Git(Extension):
    """Gives the look-up to copier.yml."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(git_config=git_config)
