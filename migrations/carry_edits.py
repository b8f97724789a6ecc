"""Carries users' edits over where the template renames or deletes a file; part of each update.

    python carry_edits.py ANSWERS_FILE TEMPLATE    in the service, once Copier has updated it

Copier deletes a file that the template has no longer, with whatever a user has changed in it, and
says nothing. This finds these changes in git, which has everything as it was before the update,

- merges them into the file's new place, where the template has renamed it, or
- leaves the user's file where it is,

and names the file either way. Changes that meet the template's own are marked as git marks them.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

_LABELS: Final = ("-L", "before updating", "-L", "last update", "-L", "after updating")
"""What Copier itself writes beside a conflict's marks."""


def main(answers_file: str, template: str) -> None:
    """Carry the edits over, in the service that is the working directory, from the template's
    repository.
    """
    gone = _paths("--deleted")
    answers = _answers(answers_file)
    if not gone or _are_the_templates(gone, template, answers["_commit"]):
        return
    with TemporaryDirectory() as temporary:
        work = Path(temporary)
        base, ours = work / "base", work / "ours" / _below()
        _render_last(answers, base)
        _git("checkout-index", f"--prefix={work / 'ours'}/", "--", *gone)
        edited = [path for path in gone if _read(base / path) != _read(ours / path)]
        renamed = _renamed(gone, base, work) if edited else {}
        for path in edited:
            print(_carry(path, renamed.get(path), base, ours), file=sys.stderr)


def _carry(path: str, new: str | None, base: Path, ours: Path) -> str:
    """Keep one file's edits. Says where they are now."""
    conflicts = _merge(new, ours / path, base / path) if new else None
    if conflicts is None:
        _git("checkout-index", "--", path)
        return (
            f"{path} is no longer part of the template. You have changed it, so it stays: move your"
            " changes to where they belong and delete it, or keep it as your own."
        )
    if conflicts:
        return (
            f"{path} is {new} now. Your changes came along, but meet the template's: mend the"
            f" marked places, then `git add {new}`."
        )
    return f"{path} is {new} now, and your changes came along."


def _merge(new: str, ours: Path, base: Path) -> int | None:
    """Merge the user's file into its new place. Says how many conflicts it has, if git can merge it
    at all: it merges nothing but text.
    """
    merge = ["git", "merge-file", "--stdout", *_LABELS, str(ours), str(base), new]
    merged = subprocess.run(merge, stdout=subprocess.PIPE, check=False)
    if not 0 <= merged.returncode <= 127:
        return None
    if merged.returncode:
        _mark_unmerged(new, base, ours, Path(new))
    Path(new).write_bytes(merged.stdout)
    return merged.returncode


def _mark_unmerged(path: str, *stages: Path) -> None:
    """Tell git that the file has conflicts: of its last, the user's and the template's version."""
    blobs = [_git("hash-object", "-w", "--", str(stage)).strip() for stage in stages]
    lines = [
        f"100644 {blob} {stage}\t{_below()}{path}\n" for stage, blob in enumerate(blobs, start=1)
    ]
    _git("update-index", "--index-info", stdin="".join(lines))


def _renamed(gone: list[str], base: Path, work: Path) -> dict[str, str]:
    """The new places of files: where a new one resembles one that is gone, as git judges it."""
    _copy(gone, base, work / "a")
    # An update starts with no untracked file, so that those there are now are the template's.
    _copy(_paths("--others", "--exclude-standard"), Path(), work / "b")
    differ = ["git", "diff", "--no-index", "--find-renames", "--diff-filter=R", "--name-status"]
    found = subprocess.run(
        [*differ, "-z", "a", "b"], cwd=work, stdout=subprocess.PIPE, text=True, check=False
    )
    fields = found.stdout.split("\0")[:-1]  # R086, a/old.py, b/new.py, R100, …
    return {
        old.removeprefix("a/"): new.removeprefix("b/")
        for old, new in zip(fields[1::3], fields[2::3], strict=True)
    }


def _answers(answers_file: str) -> dict[str, Any]:
    """What Copier had noted before the update."""
    answers: dict[str, Any] = yaml.safe_load(_git("show", f":./{answers_file}"))
    return answers


def _are_the_templates(paths: list[str], template: str, commit: str) -> bool:
    """Whether all are files that the template has just so: not edited, nor rendered from another.
    Most are, and this saves to render the service once more.
    """
    list_theirs = ["git", "-C", template, "ls-tree", "-r", "-z", commit]
    listed = subprocess.run(list_theirs, capture_output=True, text=True, check=False)
    theirs = {line.split()[2] for line in listed.stdout.split("\0")[:-1]}
    ours = _paths("--stage", "--", *paths)
    return all(line.split()[1] in theirs for line in ours)


def _render_last(answers: dict[str, Any], folder: Path) -> None:
    """Render the service as it last came from the template."""
    from copier import run_copy  # slow to import, and not needed by most updates

    run_copy(
        answers["_src_path"],
        folder,
        {name: answer for name, answer in answers.items() if not name.startswith("_")},
        vcs_ref=answers["_commit"],
        defaults=True,
        unsafe=True,
        quiet=True,
    )


def _copy(paths: list[str], source: Path, target: Path) -> None:
    target.mkdir()
    for path in paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / path, target / path)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _below() -> str:
    """The service's folder, seen from the repository's."""
    return _git("rev-parse", "--show-prefix").removesuffix("\n")


def _paths(*kind: str) -> list[str]:
    return _git("ls-files", "-z", *kind).split("\0")[:-1]


def _git(*words: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["git", *words], input=stdin, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
