"""Git, as the commands use it."""

import subprocess

from app.cli.failure import Failure


class GitError(Exception):
    """Git says no. Its message is git's own."""


def git(*words: str, directory: str = ".") -> str:
    """Run git and return what it prints. Raises `GitError`."""
    try:
        done = subprocess.run(  # noqa: S603 -- no shell, and the words are ours
            ["git", "-C", directory, *words],  # noqa: S607 -- the one that the user has
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise Failure("git is not installed: the template is reached with it") from error
    if done.returncode:
        raise GitError(done.stderr.strip())
    return done.stdout


def succeeds(*words: str, directory: str = ".") -> bool:
    """Whether git says yes."""
    try:
        git(*words, directory=directory)
    except GitError:
        return False
    return True
