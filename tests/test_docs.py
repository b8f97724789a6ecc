"""The documentation's links lead somewhere, and its index leaves nothing out."""

import re
from pathlib import Path

import pytest

from slipway import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

LINK = re.compile(r"\]\(([^):#]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_the_index_lists_every_decision() -> None:
    listed = re.findall(r"\(decisions/(.+)\)", (ROOT / "docs" / "README.md").read_text())
    assert listed == sorted(page.name for page in (ROOT / "docs" / "decisions").glob("*.md"))
