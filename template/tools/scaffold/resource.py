"""A new resource: what is written for it, and where."""

from collections.abc import Sequence
from pathlib import Path

from app.cli.failure import failing_on
from app.db import migrations
from app.db.migrations import MigrationError
from tools.scaffold import changes, fields, registration, rendering
from tools.scaffold.changes import Changes
from tools.scaffold.names import Names, Refusal


def plan(name: str, texts: Sequence[str], singular: str | None = None) -> Changes:
    """All that is written for it, but for the snapshot of its SQL. Raises `Refusal`."""
    _require_free(name)
    names = Names.of(name, singular)
    parsed = fields.parse(texts)
    with failing_on(MigrationError):
        up, down = migrations.new_paths(name)
    code = rendering.code(names, parsed)
    up_sql, down_sql = rendering.migration(names, parsed)
    return {up: up_sql, down: down_sql, **code, **_registration(name)}


def _require_free(name: str) -> None:
    package = Path("app") / name
    for path in (package, package.with_suffix(".py"), rendering.tests_of(name)):
        if path.exists():
            raise Refusal(f"{path} is there already: choose another name")


def _registration(name: str) -> Changes:
    before = changes.read(registration.API) or ""
    after = registration.registered(before, name)
    return {} if after == before else {registration.API: after}
