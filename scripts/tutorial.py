"""Carries out the tutorial, and writes what its commands print into it: python -m scripts.tutorial

The page is the script. Of its blocks of code, one with a title makes that file, or adds to it
where it says `append`; a diff with a title changes it, hunks parted by lines of `@@`; and one of
`console` runs its commands. What stands there as their output is replaced by what they print now.

Run it after a change to what the checker says, and read what changes.
"""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from copier import run_copy

from slipway import ROOT, environment, find_uv

PAGE: Final = ROOT / "docs" / "checked-sql" / "tutorial.md"

BLOCK: Final = re.compile(
    r'^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?(?P<append> append)?\n(?P<body>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_VARIES: Final = re.compile(r"\b\d+(?= queries)|(?<= in )[\d.]+(?=s$)", re.MULTILINE)


def main() -> None:
    """Render a service, and carry out the page in it."""
    with tempfile.TemporaryDirectory() as scratch:
        service, python = render(Path(scratch))
        page = replay(PAGE.read_text(), service, python)
    PAGE.write_text(page)


def render(folder: Path) -> tuple[Path, Path]:
    """Render a service with the default answers; returns its folder and its Python."""
    service = folder / "service"
    run_copy(str(ROOT), service, defaults=True, unsafe=True, vcs_ref="HEAD", quiet=True)
    subprocess.run([find_uv(), "sync", "--quiet"], cwd=service, env=environment(), check=True)
    return service, service / ".venv" / "bin" / "python"


def replay(page: str, service: Path, python: Path) -> str:
    """Carry out a page in a service, and return it as it should read."""

    def transcript(command: str) -> str:
        output = run(command, service, python)
        if " db new " in command:
            output = _as_dated(output, page, service)
        return f"$ {command}\n{output}"

    def step(block: re.Match[str]) -> str:
        body = block["body"]
        if block["kind"] == "console":
            return f"```console\n{''.join(transcript(command) for command in _commands(body))}```"
        if block["title"]:
            _write(service / block["title"], block, body)
        return block[0]

    return BLOCK.sub(step, page)


def run(command: str, service: Path, python: Path) -> str:
    """Run a command as somebody types it, and return what then stands in the terminal."""
    words = shlex.split(command)
    if words[:2] == ["uv", "run"]:
        words = [str(python), "-m", *words[2:]]
    # What a pytest around this tells its children is not meant for another one.
    own = {name: value for name, value in environment().items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        words,
        cwd=service,
        env=own | {"NO_COLOR": "1", "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def stable(page: str) -> str:
    """The page without what differs from run to run, or grows with the template."""
    return _VARIES.sub("…", page)


def _commands(body: str) -> Iterator[str]:
    for line in body.splitlines():
        if line.startswith("$ "):
            yield line.removeprefix("$ ")


def _as_dated(output: str, page: str, service: Path) -> str:
    """Give migrations just made the date that the page says they are of."""
    for path in (service / "migrations").iterdir():
        made, _, name = path.name.partition("_")
        dated = re.search(rf"\d{{14}}(?=_{re.escape(name)})", page)
        if dated and dated[0] != made:
            path.rename(path.with_name(f"{dated[0]}_{name}"))
            output = output.replace(path.name, f"{dated[0]}_{name}")
    return output


def _write(path: Path, block: re.Match[str], body: str) -> None:
    if block["kind"] == "diff":
        body = _patched(path.read_text(), body)
    elif block["append"]:
        body = f"{path.read_text()}\n\n{body}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(body)


def _patched(text: str, diff: str) -> str:
    """Change what a diff says, wherever in the file that is: it stands there once."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] or line for line in lines if not line.startswith("+"))
        after = "".join(line[1:] or line for line in lines if not line.startswith("-"))
        if text.count(before) != 1:
            raise ValueError(f"stands {text.count(before)} times in the file, not once:\n{before}")
        text = text.replace(before, after)
    return text


if __name__ == "__main__":
    main()
