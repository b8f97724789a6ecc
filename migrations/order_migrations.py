"""Gives the template's new migrations their place after the service's own; part of each update.

    python order_migrations.py    in the service, once Copier has updated it

A service's databases have run its own migrations already, perhaps later ones than those which the
template brings, and are given none out of order. So these get the time of the update, in every
database the same. A migration that the template has no longer stays: databases have run it.
``sql/schema.lock``, which lists all of them, follows if it was right before.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path("migrations")
LOCK: Final = Path("sql", "schema.lock")

_LABEL: Final = re.compile(r"[0-9]{14}_[a-z0-9_]+")
_UP: Final = ".up.sql"
_DOWN: Final = ".down.sql"


def main() -> None:
    """Put the migrations in order, in the service that is the working directory."""
    before = _committed()
    _restore(before)
    now = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
    for label, version in later_versions(set(before), _labels(), now).items():
        _rename(label, f"{version}_{label.partition('_')[2]}")
    if _git("ls-tree", "--name-only", "HEAD", "--", str(LOCK)):
        _relock(before)


def later_versions(before: set[str], labels: set[str], now: int) -> dict[str, int]:
    """The versions of the migrations that can't keep theirs, since a later one was there before."""
    newest = max(map(_version, before), default=0)
    changed = {}
    for label in sorted(labels - before, key=_version):
        if _version(label) > newest:
            newest = _version(label)
            continue
        newest = changed[label] = max(now, newest + 1)
    return changed


def _restore(before: Mapping[str, str]) -> None:
    for label in sorted(before.keys() - _labels()):
        _git("checkout-index", "--", *(str(_file(label, kind)) for kind in (_UP, _DOWN)))
        _say(
            f"{_file(label, _UP)} is no longer part of the template, but databases have run it:"
            " it stays. What it has made goes with a migration of your own."
        )


def _rename(label: str, new: str) -> None:
    for kind in (_UP, _DOWN):
        _file(label, kind).rename(_file(new, kind))
    _say(
        f"{_file(label, _UP)} is {_file(new, _UP)} here: it comes after your own migrations, which"
        " databases have run."
    )


def _relock(before: Mapping[str, str]) -> None:
    """List the migrations that there are now, if those before were listed. Else `app sql check`
    has something to say, and goes on saying it.
    """
    committed = _show(LOCK)
    now = {label: _file(label, _UP).read_text(encoding="utf-8-sig") for label in _labels()}
    LOCK.write_text(lock(now) if committed == lock(before) else committed, encoding="utf-8")
    # Where Copier has noted a conflict, in the one way or the other.
    _git("reset", "--quiet", "--", str(LOCK))
    LOCK.with_name(f"{LOCK.name}.rej").unlink(missing_ok=True)


def lock(migrations: Mapping[str, str]) -> str:
    """What lists these migrations, texts by label, as the service's own checker writes it."""
    lines = (
        f"{label} {hashlib.sha256(migrations[label].encode()).hexdigest()}\n"
        for label in sorted(migrations, key=_version)
    )
    return "".join(lines)


def _committed() -> dict[str, str]:
    """The migrations from before the update: texts by label."""
    listed = _git("ls-tree", "-z", "--name-only", "HEAD", "--", f"{MIGRATIONS}/").split("\0")
    return {label: _show(_file(label, _UP)) for label in _among(map(Path, listed))}


def _labels() -> set[str]:
    return _among(MIGRATIONS.iterdir())


def _among(paths: Iterable[Path]) -> set[str]:
    """The labels of the migrations among files; of others, the service has its own to say."""
    labels = (path.name.removesuffix(_UP) for path in paths if path.name.endswith(_UP))
    return set(filter(_LABEL.fullmatch, labels))


def _version(label: str) -> int:
    return int(label.partition("_")[0])


def _file(label: str, kind: str) -> Path:
    return MIGRATIONS / f"{label}{kind}"


def _show(path: Path) -> str:
    """A file's text in the last commit, with ``\\n`` at the end of each line."""
    text = _git("show", f"HEAD:./{path.as_posix()}").removeprefix("\ufeff")
    return text.replace("\r\n", "\n")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


if __name__ == "__main__":
    main()
