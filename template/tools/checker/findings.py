"""What the checker has to say, and the forms it says it in."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line of SQL and the column, from 0, of what is wrong in it."""

    line: str
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what, and what to change."""

    code: str
    """Stable, as in ``unknown-column``; for machines and for the reference."""
    message: str
    help: str
    file: Path
    line: int
    query: str = ""
    """The statement's name, such as ``users.find_user``."""
    excerpt: Excerpt | None = None
    severity: Severity = Severity.ERROR


def render(findings: Sequence[Finding], form: Format) -> str:
    """All findings in one of the forms."""
    if form is Format.JSON:
        return json.dumps([_plain(finding) for finding in findings], indent=2)
    write = _text if form is Format.TEXT else _github
    return "\n".join(write(finding) for finding in findings)


def _text(finding: Finding) -> str:
    lines = [f"{finding.file}:{finding.line}: {finding.severity}: {finding.message}"]
    if finding.excerpt:
        lines.append(f"    {finding.excerpt.line}")
        lines.append(f"    {' ' * finding.excerpt.column}^")
    if finding.help:
        lines.append(f"  help: {finding.help}")
    if finding.query:
        lines.append(f"  in {finding.query} [{finding.code}]")
    else:
        lines.append(f"  [{finding.code}]")
    return "\n".join(lines) + "\n"


def _github(finding: Finding) -> str:
    """A workflow command (GitHub Docs, "Workflow commands for GitHub Actions")."""
    message = f"{finding.message}. {finding.help}" if finding.help else finding.message
    for character, escaped in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(character, escaped)
    return (
        f"::{finding.severity} file={finding.file},line={finding.line},"
        f"title={finding.code}::{message}"
    )


def _plain(finding: Finding) -> dict[str, object]:
    return asdict(finding) | {"file": str(finding.file)}
