"""Runs the tests with the newest of everything: python -m scripts.newest [PYTEST ARGUMENT]...

The bounds keep out what might break services, until somebody tries it. This does: in a copy of the
last commit it strikes the upper bounds, those of the template's own tools (Copier's too) and those
that services are rendered with, and runs the tests there. It says first what is newer than the
bounds allow. docs/dependencies.md says what to do about it.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from slipway import ROOT, environment, find_uv, say

BOUNDED: Final = ("pyproject.toml", "template/pyproject.toml.jinja")

_REQUIREMENT: Final = re.compile(
    r'"(?P<name>[\w-]+)(?P<extras>\[\w+\])?>=(?P<lower>[\w.]+),<(?P<upper>[\d.]+)'
)

_NUMBERS: Final = re.compile(r"\d+(?:\.\d+)*")


def main() -> None:
    """Run the tests; exit as they do."""
    uv = find_uv()
    for line in beyond(uv):
        say(f"newer than its bound: {line}")
    with tempfile.TemporaryDirectory(prefix="slipway-newest-") as folder:
        copy = Path(folder, "slipway")
        unbounded_copy(uv, copy)
        # The tests of the bounds find none there.
        command = [sys.executable, "slipway.py", "test", "--ignore=tests/test_bounds.py"]
        sys.exit(subprocess.run([*command, *sys.argv[1:]], cwd=copy, check=False).returncode)


def unbounded_copy(uv: str, copy: Path) -> None:
    """Clone the last commit, strike the upper bounds, lock the newest versions, commit that."""
    git("clone", "--quiet", str(ROOT), str(copy), cwd=ROOT)
    for name in BOUNDED:
        (copy / name).write_text(unbounded((copy / name).read_text()))
    subprocess.run([uv, "lock", "--quiet", "--upgrade"], cwd=copy, env=environment(), check=True)
    author = ("-c", "user.name=Slipway", "-c", "user.email=slipway@example.invalid")
    git(*author, "commit", "--quiet", "--all", "--message=Strike the upper bounds", cwd=copy)


def unbounded(pyproject: str) -> str:
    """The text with each requirement's upper bound struck."""
    return _REQUIREMENT.sub(lambda found: found[0].rpartition(",")[0], pyproject)


def beyond(uv: str) -> list[str]:
    """What is newer than the bounds allow: "copier 10.1.0, <10"."""
    bounded = "".join((ROOT / name).read_text() for name in BOUNDED)
    found = {match["name"]: match for match in _REQUIREMENT.finditer(bounded)}
    wanted = [f"{name}{match['extras'] or ''}>={match['lower']}" for name, match in found.items()]
    resolved = subprocess.run(
        [uv, "pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-annotate", "-"],
        input="\n".join(wanted),
        env=environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    newest = dict(line.split("==") for line in resolved.stdout.splitlines())
    return [
        f"{name} {version}, <{found[name]['upper']}"
        for name, version in newest.items()
        if release(version) >= release(found[name]["upper"])
    ]


def release(version: str) -> tuple[int, ...]:
    """A version's numbers, by which final releases are compared."""
    return tuple(map(int, _NUMBERS.findall(version)[0].split(".")))


def git(*words: str, cwd: Path) -> None:
    """Run git to its end."""
    subprocess.run(["git", *words], cwd=cwd, check=True)


if __name__ == "__main__":
    main()
