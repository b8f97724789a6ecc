"""Writes what the checker prints into the list of its findings: python -m scripts.findings

The queries on the page are checked for real, in a service rendered for it; what is found of those
in a section goes to its end. What is wrong in the section on the snapshot is made wrong here.

Run it after a change to what the checker says, and read what changes.
"""

import re
import tempfile
from pathlib import Path
from typing import Final

from scripts.tutorial import BLOCK, render, run
from slipway import ROOT

PAGE: Final = ROOT / "docs" / "checked-sql" / "findings.md"

_SECTION: Final = re.compile(r"^### `(?P<code>[a-z-]+)`\n.*?(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_PRINTED: Final = re.compile(r"\n```text\n.*?^```\n", re.MULTILINE | re.DOTALL)
_FUNCTION: Final = re.compile(r"^async def (\w+)", re.MULTILINE)
_PROGRESS: Final = re.compile(r"^(making|asking|planning) .*\n", re.MULTILINE)
_QUERIES: Final = Path("app") / "library" / "queries.py"


def main() -> None:
    """Render a service, and check the page's queries in it."""
    with tempfile.TemporaryDirectory() as scratch:
        service, python = render(Path(scratch))
        page = with_output(PAGE.read_text(), service, python)
    PAGE.write_text(page)


def codes(page: str) -> set[str]:
    """The findings that the page has a section on."""
    return {section["code"] for section in _SECTION.finditer(page)}


def with_output(page: str, service: Path, python: Path) -> str:
    """The page as it should read, with what is printed for the examples in each section."""
    _change_snapshot(service)
    found = _findings("sql check --live --plans", service, python)
    _write_examples(page, service)
    found += _findings("sql prepare", service, python)

    def section(match: re.Match[str]) -> str:
        own = [item for item in found if item.endswith(f"[{match['code']}]")]
        names = _FUNCTION.findall(match[0])
        if names:
            own = [item for item in own if any(f".{name} [" in item for name in names)]
        printed = "\n\n".join(own)
        text = _PRINTED.sub("", match[0]).rstrip("\n")
        return f"{text}\n\n```text\n{printed}\n```\n\n"

    return f"{_SECTION.sub(section, page).rstrip()}\n"


def _findings(command: str, service: Path, python: Path) -> list[str]:
    """What a run prints, one finding an item."""
    printed = _PROGRESS.sub("", run(f"uv run app {command}", service, python))
    return [item.strip("\n") for item in printed.split("\n\n")]


def _write_examples(page: str, service: Path) -> None:
    queries = ""
    for block in BLOCK.finditer(page):
        if block["title"]:
            path = service / block["title"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["body"])
        elif block["kind"] == "python":
            queries += f"\n\n{block['body']}"
    with (service / _QUERIES).open("a") as module:
        module.write(queries)
    migration = next((service / "migrations").glob("*_library.up.sql"))
    migration.with_name(migration.name.replace(".up.", ".down.")).write_text("DROP TABLE books;\n")


def _change_snapshot(service: Path) -> None:
    """Do what leads to each of the findings about the snapshot, and to one about a plan."""
    folder = service / "sql"
    (folder / "users.find_user.json").write_text((folder / "users.delete_user.json").read_text())
    _replace(service / "app/users/queries.py", "DELETE FROM users", "DELETE FROM ONLY users")
    _replace(folder / "auth.get_password_hash.json", '"nullable": false', '"nullable": true')
    for way in ("up", "down"):
        (service / "migrations" / f"20270114100000_more.{way}.sql").write_text("SELECT 1;\n")
    with (service / "app/posts/queries.py").open("a") as module:
        module.write(_TITLED)


_TITLED: Final = """

@query("SELECT id FROM posts WHERE title = $1")
async def list_titled(db: Db, title: str) -> list[PostId]: ...
"""


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{path.name} lacks {old!r}")
    path.write_text(text.replace(old, new, 1))


if __name__ == "__main__":
    main()
