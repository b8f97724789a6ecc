#!/usr/bin/env python3
"""Slipway's two commands, for a machine with no more than Python and git.

    python3 slipway.py demo [--host HOST] [--port PORT]    render a service into ./demo and run it
    python3 slipway.py test [PYTEST ARGUMENT]...           run the template's tests

Both use the Python that runs this script, and get uv into .slipway/ where it is not installed.
"""

from __future__ import annotations  # lets an older Python get as far as being told that it is one

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parent
DEMO: Final = ROOT / "demo"
OWN_UV: Final = ROOT / ".slipway" / "uv"


class StepError(Exception):
    """A step failed. Says so in a sentence, with what to do."""


def main() -> None:
    """Run the command that the command line names."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever has only an older one is told
        sys.exit(f"slipway: needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    options, pytest_arguments = parse()
    try:
        if options.command == "test":
            test(pytest_arguments)
        else:
            demo(options.host, options.port)
    except StepError as error:
        sys.exit(f"slipway: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def parse() -> tuple[argparse.Namespace, list[str]]:
    """Read the command line: its options, and what is meant for pytest."""
    parser = argparse.ArgumentParser(description="Slipway's commands.")
    commands = parser.add_subparsers(dest="command", required=True)
    demo_parser = commands.add_parser("demo", help="render a service into ./demo and run it")
    demo_parser.add_argument("--host", help="the address to listen on")
    demo_parser.add_argument("--port", type=int, help="the port to listen on")
    commands.add_parser(
        "test", help="run the template's tests; pytest's arguments follow", add_help=False
    )
    options, rest = parser.parse_known_args()
    if rest and options.command == "demo":
        demo_parser.error(f"unknown: {' '.join(rest)}")
    return options, rest


def demo(host: str | None, port: int | None) -> None:
    """Render the default service from this clone, once, and become its development server."""
    uv = find_uv()
    if DEMO.exists():
        say(f"Using the service in {DEMO}; delete that folder to have it rendered anew.")
    else:
        say(f"Rendering a service into {DEMO} ...")
        render(uv)
    say("Installing what it needs; this takes longer the first time ...")
    run(uv, "sync", "--quiet", cwd=DEMO)
    say("Starting it; Ctrl-C ends it.")
    given = {"--host": host, "--port": port}
    arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
    become(uv, "run", "app", "dev", *arguments, cwd=DEMO)


def test(arguments: list[str]) -> None:
    """Become the template's test suite."""
    uv = find_uv()
    say("Installing what the tests need; this takes longer the first time ...")
    run(uv, "sync", "--quiet", "--locked", cwd=ROOT)
    say("Running the tests, of all variants: minutes rather than seconds ...")
    become(uv, "run", "--no-sync", "pytest", *arguments, cwd=ROOT)


def render(uv: str) -> None:
    """Render what is in this clone, committed or not, into ./demo."""
    # Copier commits work in progress, to a clone of its own: git asks who by, Copier warns of it.
    surroundings = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "Slipway"), ("EMAIL", "slipway@example.invalid"))
    } | {"PYTHONWARNINGS": "ignore"}
    copier = ("tool", "run", "--from", "copier", "--with", "copier-template-extensions", "copier")
    options = ("--trust", "--defaults", "--quiet", "--vcs-ref", "HEAD")
    run(uv, *copier, "copy", *options, str(ROOT), str(DEMO), cwd=ROOT, **surroundings)


def find_uv() -> str:
    """The installed uv, or one of this clone's own, which it gets if need be."""
    installed = shutil.which("uv")
    if installed and works(installed):
        return installed
    own = str(OWN_UV / "bin" / "uv")
    if not works(own):
        say(f"Getting uv into {OWN_UV} ...")
        install_uv()
    return own


def works(uv: str) -> bool:
    """Whether it starts; a version manager's stand-in for one that isn't there does not."""
    try:
        return subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install_uv() -> None:
    """Install uv with pip, in a virtual environment."""
    if subprocess.run([sys.executable, "-m", "venv", "--clear", OWN_UV], check=False).returncode:
        raise StepError(
            "this Python can make no virtual environment, which getting uv needs. Install its venv"
            " and pip (Debian, Ubuntu: apt install python3-venv), or uv itself."
        )
    pip = [str(OWN_UV / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv>=0.8"]
    if subprocess.run(pip, check=False).returncode:
        raise StepError("pip could not install uv and says why above. Any other way to it will do.")


def run(*command: str, cwd: Path, **extra: str) -> None:
    """Run a step to its end."""
    if subprocess.run(command, cwd=cwd, env=environment() | extra, check=False).returncode:
        raise StepError(f"this failed and says why above: {' '.join(command)}")


def become(*command: str, cwd: Path) -> NoReturn:
    """Go on as another program, so that signals and the exit code are that program's."""
    os.chdir(cwd)
    os.execvpe(command[0], command, environment())  # noqa: S606 - a shell is what is not wanted


def environment() -> dict[str, str]:
    """This process's, with uv held to the Python that runs this script."""
    python = {"UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never"}
    # Each project here has a virtual environment of its own: one that is active, or where uv is
    # told to have one for all, is not the one meant.
    others = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    return {key: value for key, value in os.environ.items() if key not in others} | python


def say(line: str) -> None:
    """Tell what comes next, before it takes its time."""
    print(f"slipway: {line}", flush=True)


if __name__ == "__main__":
    main()
