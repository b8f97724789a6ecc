"""How long it takes to render the default service, beside a template with one file.

In memory where the system has such a folder: what a disk takes for some hundred small files is its
own matter. Copier is compiled, as it is for all but its first user.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.results import noise
from benchmarks.results.noise import Bound
from benchmarks.results.report import Section
from slipway import ROOT, say

TWICE: Final = 2
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
EMPTY: Final = "an empty template"
OURS: Final = "the default service"


def measure(rounds: int) -> Section:
    """``copier copy`` of either, from git."""
    say(f"Measuring rendering, {rounds} rounds ...")
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="slipway-", dir=memory) as scratch:
        folder = Path(scratch)
        templates = {EMPTY: empty_template(folder / "empty"), OURS: clone(folder / "template")}
        seconds(templates[OURS], folder / "unmeasured", folder)  # compiles all that either runs
        found: dict[str, list[float]] = {name: [] for name in templates}
        for number in range(rounds):
            for name, template in templates.items():
                target = folder / f"{number} {name}"
                found[name].append(seconds(template, target, folder))
    ratio = noise.ratios(found[OURS], found[EMPTY])
    return Section(
        "Rendering",
        ("`copier copy` of", "s", "ratio"),
        [
            [EMPTY, noise.Spread.of(found[EMPTY]).text(), ""],
            [OURS, noise.Spread.of(found[OURS]).text(), ratio.text()],
        ],
        {**found, "ratio": ratio.median},
        [Bound(f"rendering, to that of {EMPTY}", ratio, at_most=TWICE)],
    )


def empty_template(folder: Path) -> Path:
    """A template with one question and one file that it renders."""
    folder.mkdir()
    (folder / "copier.yml").write_text("name:\n  type: str\n  default: nothing\n")
    (folder / "README.md.jinja").write_text("# {{ name }}\n")
    git("init", "--quiet", cwd=folder)
    git("add", "--all", cwd=folder)
    git(
        *("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.invalid"),
        *("commit", "--quiet", "--message=A template"),
        cwd=folder,
    )
    return folder


def clone(folder: Path) -> Path:
    """What is committed here, as those who render it have it."""
    git("clone", "--quiet", str(ROOT), str(folder), cwd=ROOT)
    return folder


def seconds(template: Path, target: Path, scratch: Path) -> float:
    """How long the command takes, from its start to its end."""
    options = ("--trust", "--defaults", "--quiet", "--vcs-ref", "HEAD")
    command = (sys.executable, "-m", "copier", "copy", *options, template, target)
    own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    own |= {"PYTHONPYCACHEPREFIX": str(scratch / "compiled"), "TMPDIR": str(scratch)}
    started = time.perf_counter()
    subprocess.run(command, env=own, check=True)
    return time.perf_counter() - started


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True)  # noqa: S607 - wherever it is
