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
    """A line of SQL or of Python and the column, from 0, of what is wrong in it."""

    line: str
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, whose path is relative to the project's folder where it is inside."""

    file: Path
    line: int
    excerpt: Excerpt | None = None


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

    @classmethod
    def at(
        cls,
        place: Place,
        *,
        code: str,
        message: str,
        help: str,  # noqa: A002 -- the field's name
        query: str = "",
        severity: Severity = Severity.ERROR,
    ) -> "Finding":
        """A finding at a place."""
        return cls(
            code=code,
            message=message,
            help=help,
            file=place.file,
            line=place.line,
            query=query,
            excerpt=place.excerpt,
            severity=severity,
        )


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
    file = _escaped(str(finding.file)).replace(":", "%3A").replace(",", "%2C")
    place = f"file={file},line={finding.line},title={finding.code}"
    return f"::{finding.severity} {place}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _plain(finding: Finding) -> dict[str, object]:
    return asdict(finding) | {"file": str(finding.file)}
