"""Makes template/sql/ anew: python -m scripts.sql_snapshot

A service is rendered with the snapshot of its SQL, so that its offline check works from the first
commit. PostgreSQL describes the queries once for each id type; where the two answers differ, which
they may only in the ids' own type, the file becomes a template.

Run it after any change to the template's queries or migrations.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from copier import run_copy

from slipway import ROOT, environment, find_uv, say

FOLDER: Final = ROOT / "template" / "sql"
IDS: Final = {"uuidv7": '"type": "uuid"', "bigserial": '"type": "bigint"'}
TEMPLATED: Final = '"type": "{{ id_reference }}"'
LOCK: Final = "schema.lock"

Snapshot = dict[str, str]
"""The files' texts by name."""


def main() -> None:
    """Render, ask, and write."""
    with tempfile.TemporaryDirectory() as scratch:
        uuidv7 = prepare(Path(scratch), id_type="uuidv7", example_resource=True)
        bigserial = prepare(Path(scratch), id_type="bigserial", example_resource=True)
        always = prepare(Path(scratch), id_type="uuidv7", example_resource=False)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name in sorted(uuidv7):
        if name == LOCK:
            write(f"{LOCK}.jinja", lock(uuidv7[name], bigserial[name], always[name]))
            continue
        text = merge(name, uuidv7[name], bigserial[name])
        target = name if name in always else f"{{% if example_resource %}}{name}{{% endif %}}"
        write(target if TEMPLATED not in text else f"{target}.jinja", text)


def prepare(scratch: Path, *, id_type: str, example_resource: bool) -> Snapshot:
    """Render a service and let it make its snapshot."""
    service = scratch / f"{id_type}-{example_resource}"
    say(f"asking about id_type={id_type}, example_resource={example_resource} ...")
    answers = {"id_type": id_type, "example_resource": example_resource}
    run_copy(
        str(ROOT), service, data=answers, defaults=True, unsafe=True, vcs_ref="HEAD", quiet=True
    )
    shutil.rmtree(service / "sql", ignore_errors=True)
    shared = {"UV_PROJECT_ENVIRONMENT": str(scratch / "environment")}
    subprocess.run(
        [find_uv(), "run", "--quiet", "app", "sql", "prepare"],
        cwd=service,
        env=environment() | shared,
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_text() for path in (service / "sql").iterdir()}


def merge(name: str, uuidv7: str, bigserial: str) -> str:
    """One text of the two, which may differ only in the type of ids."""
    lines = []
    for ours, theirs in zip(uuidv7.splitlines(), bigserial.splitlines(), strict=True):
        expected = ours.replace(IDS["uuidv7"], IDS["bigserial"])
        if theirs != expected:
            raise SystemExit(f"{name}: {ours!r} and {theirs!r} differ in more than an id's type")
        lines.append(ours if ours == theirs else ours.replace(IDS["uuidv7"], TEMPLATED))
    return "\n".join(lines) + "\n"


def lock(uuidv7: str, bigserial: str, always: str) -> str:
    """The migrations' checksums, by id type; those that not every service has, on a condition."""
    labels = {line.split()[0] for line in always.splitlines()}
    lines = []
    for ours, theirs in zip(uuidv7.splitlines(), bigserial.splitlines(), strict=True):
        label, checksum = ours.split()
        checksums = {"uuidv7": checksum, "bigserial": theirs.split()[1]}
        line = ours if ours == theirs else f"{label} {{{{ {checksums}[id_type] }}}}"
        guarded = [line] if label in labels else ["{% if example_resource %}", line, "{% endif %}"]
        lines.extend(guarded)
    return "\n".join(lines) + "\n"


def write(name: str, text: str) -> None:
    """Write a file of the snapshot."""
    (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
