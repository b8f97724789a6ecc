"""The checks, put together: offline against the snapshot, or live against PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.db.query import Statement
from tools.checker import differences, discovery, live, raw, signatures, snapshot, source, text
from tools.checker.findings import Finding, Severity
from tools.checker.live import Outcomes
from tools.sql import Description, SqlError

_PREPARE = "Run `app sql prepare`, and read what it changes."


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found."""

    statements: int
    dynamic: int
    """Statements put together at run time, which are marked and not checked."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def summary(self) -> str:
        errors = sum(finding.severity is Severity.ERROR for finding in self.findings)
        warnings = len(self.findings) - errors
        checked = f"checked {text.count(self.statements, 'query', 'queries')}"
        dynamic = f", {self.dynamic} of dynamic SQL not checked" if self.dynamic else ""
        found = f"{text.count(errors, 'error')}, {text.count(warnings, 'warning')}"
        return f"{checked}{dynamic}: {found}"


def offline(statements: Sequence[Statement]) -> Report:
    """Check against the snapshot. Raises `SnapshotError` where it can't be read."""
    snapshot.require()
    findings = [*_schema(), *_orphans(statements)]
    for statement in statements:
        findings.extend(_against_snapshot(statement))
    return _report(statements, findings)


def against(statements: Sequence[Statement], outcomes: Outcomes) -> Report:
    """Check against what PostgreSQL says now, the snapshot included."""
    snapshot.require()
    findings = [*_schema(), *_orphans(statements)]
    for statement, outcome in zip(statements, outcomes, strict=True):
        findings.extend(_against_server(statement, outcome))
    return _report(statements, findings)


def signatures_only(statements: Sequence[Statement], outcomes: Outcomes) -> Report:
    """Check against what PostgreSQL says now, before a snapshot is made of it."""
    findings: list[Finding] = []
    for statement, outcome in zip(statements, outcomes, strict=True):
        if isinstance(outcome, Description):
            findings.extend(signatures.check(statement, outcome))
        else:
            findings.append(live.refusal(statement, outcome))
    return _report(statements, findings)


def _report(statements: Sequence[Statement], findings: Iterable[Finding]) -> Report:
    scanned = raw.scan()
    everything = [
        *findings,
        *discovery.duplicates(list(statements)),
        *_stars(statements),
        *scanned.findings,
    ]
    everything.sort(key=lambda finding: (str(finding.file), finding.line, finding.code))
    return Report(len(statements), scanned.marked, everything)


def _against_snapshot(statement: Statement) -> Iterator[Finding]:
    entry = snapshot.read(statement.name)
    if entry is None:
        yield _about_snapshot(statement, "not-in-snapshot", "the snapshot does not have this query")
        return
    if not snapshot.is_current(entry, statement):
        message = "the query has changed since the snapshot was made"
        yield _about_snapshot(statement, "stale-snapshot", message)
        return
    yield from signatures.check(statement, entry.description)


def _against_server(statement: Statement, outcome: Description | SqlError) -> Iterator[Finding]:
    if not isinstance(outcome, Description):
        yield live.refusal(statement, outcome)
        return
    yield from signatures.check(statement, outcome)
    entry = snapshot.read(statement.name)
    if entry is None:
        yield _about_snapshot(statement, "not-in-snapshot", "the snapshot does not have this query")
    elif not snapshot.is_current(entry, statement):
        message = "the query has changed since the snapshot was made"
        yield _about_snapshot(statement, "stale-snapshot", message)
    else:
        for difference in differences.between(entry.description, outcome):
            yield _about_snapshot(statement, "snapshot-differs", f"in the database, {difference}")


def _about_snapshot(statement: Statement, code: str, message: str) -> Finding:
    place = source.of_sql(statement.function, statement.sql)
    return Finding.at(place, code=code, message=message, help=_PREPARE, query=statement.name)


def _schema() -> Iterator[Finding]:
    """Whether the snapshot was made with the migrations that are there now."""
    ours, theirs = snapshot.lock().splitlines(), snapshot.locked().splitlines()
    for line in (*_only_in(ours, theirs), *_only_in(theirs, ours)):
        label = line.partition(" ")[0]
        known = any(other.startswith(f"{label} ") for other in (ours if line in theirs else theirs))
        if known and line in theirs:
            continue  # the same migration, changed: reported once
        message = _schema_message(label, changed=known, gone=line in theirs)
        yield Finding("schema-changed", message, _PREPARE, _migration(label), 1)


def _schema_message(label: str, *, changed: bool, gone: bool) -> str:
    if changed:
        return f"migration {label} has changed since the snapshot was made"
    if gone:
        return f"the snapshot was made with migration {label}, which is gone"
    return f"migration {label} is newer than the snapshot"


def _only_in(these: Sequence[str], those: Sequence[str]) -> list[str]:
    return [line for line in these if line not in those]


def _migration(label: str) -> Path:
    file = Path("migrations") / f"{label}.up.sql"
    return file if file.exists() else snapshot.LOCK


def _orphans(statements: Sequence[Statement]) -> Iterator[Finding]:
    known = {statement.name for statement in statements}
    for name in sorted(snapshot.names() - known):
        message = f"there is no query {name} any more"
        yield Finding("orphan", message, _PREPARE, snapshot.path(name), 1, name)


def _stars(statements: Sequence[Statement]) -> Iterator[Finding]:
    for statement in statements:
        position = text.select_star(statement.sql)
        if position is None:
            continue
        yield Finding.at(
            source.of_sql(statement.function, statement.sql, position),
            code="select-star",
            message="* changes its meaning with the table",
            help="Name the columns.",
            query=statement.name,
        )
