"""The documentation's links lead somewhere, and its index leaves nothing out."""

import re
from pathlib import Path

import pytest

from slipway import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

LINK = re.compile(r"\]\(([^):#]+)(?:#[^)]+)?\)")
ANCHOR = re.compile(r"\]\(([^):#]*)#([^)]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_the_index_lists_every_decision() -> None:
    listed = re.findall(r"\(decisions/(.+)\)", (ROOT / "docs" / "README.md").read_text())
    assert listed == sorted(page.name for page in (ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_headings(page: Path) -> None:
    missing = [
        f"{link}#{anchor}"
        for link, anchor in ANCHOR.findall(page.read_text())
        if anchor not in anchors(page.parent / link if link else page)
    ]
    assert missing == []


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text())}
    assert set(PAGES) - {index} - linked == set()


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_test_that_a_page_names_exists() -> None:
    named = {
        match
        for page in PAGES
        for match in re.findall(r"`(tests/[\w/.]+)::(\w+)`", page.read_text())
    }
    assert named
    assert {name for name in named if not is_a_test(*name)} == set()


def is_a_test(path: str, name: str) -> bool:
    """Whether the service or the template has a test of this name, in this file."""
    files = [file for file in (ROOT / "template").rglob("test_*") if file.suffix == ".py"]
    files += (ROOT / "template" / "tests").rglob("{%*test_*.py{%*")
    tag = re.compile(r"\{%.*?%\}")
    found = [
        file for file in files if tag.sub("", str(file.relative_to(ROOT / "template"))) == path
    ]
    found += [ROOT / path] if (ROOT / path).exists() else []
    return any(re.search(rf"def {name}\(", file.read_text()) for file in found)


def test_the_audit_trail_is_listed_as_in_a_services_readme() -> None:
    page = (ROOT / "docs" / "audit-trail.md").read_text()
    table = [line for line in page.splitlines() if line.startswith("|")]

    assert "\n".join(table) in (ROOT / "template" / "README.md.jinja").read_text()


def test_every_alert_is_explained() -> None:
    rules = (ROOT / "template" / "monitoring" / "alerts.yaml").read_text()
    page = (ROOT / "docs" / "operating.md").read_text()

    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == re.findall(r"- alert: (\w+)", rules)


def test_every_line_of_the_log_that_asks_for_somebody_is_explained() -> None:
    modules = (ROOT / "template" / "app").rglob("*.py*")
    call = re.compile(r'logger\.(?:error|exception|warning)\(\s*"(\w+)"')
    logged = {event for module in modules for event in call.findall(module.read_text())}

    page = (ROOT / "docs" / "operating.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == logged
