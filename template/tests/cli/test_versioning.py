"""`app version`."""

from app import about
from tests.support.workspace import Run


def test_the_version_is_printed(run: Run) -> None:
    assert run("version").stdout == f"{about.VERSION}\n"


def test_the_versions_tag_is_right(run: Run) -> None:
    assert run("version", "--tag", f"v{about.VERSION}").code == 0


def test_another_versions_tag_is_refused(run: Run) -> None:
    result = run("version", "--tag", f"v{about.VERSION}.1")

    assert result.code == 1
    assert result.stdout == ""
    assert f"tag it as v{about.VERSION}, or change VERSION in app/about.py" in result.stderr
