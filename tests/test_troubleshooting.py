"""What Copier says when it is called wrongly, and that the README quotes it."""

import subprocess
from pathlib import Path
from textwrap import dedent, indent

import pytest

from extensions.names import slug_error
from slipway import ROOT

COPIER = ("tool", "run", "--from", "copier")
LOADER = ("--with", "copier-template-extensions")

NOT_TRUSTED = dedent("""\
    Template uses potentially unsafe feature: jinja_extensions.
    If you trust this template, consider adding the `--trust` option when running `copier copy/update`.
    """)  # noqa: E501 - as Copier has it

NO_LOADER = dedent("""\
    Copier could not load some Jinja extensions:
    No module named 'copier_template_extensions'
    Make sure to install these extensions alongside Copier itself.
    See the docs at https://copier.readthedocs.io/en/latest/configuring/#jinja_extensions
    """)


@pytest.mark.parametrize(
    ("start", "options", "message", "exit_code"),
    [
        ((*COPIER, *LOADER), (), NOT_TRUSTED, 4),
        (COPIER, ("--trust",), NO_LOADER, 1),
    ],
    ids=["no --trust", "no loader"],
)
def test_copier_says_what_the_readme_quotes(
    uv: str,
    template: Path,
    tmp_path: Path,
    start: tuple[str, ...],
    options: tuple[str, ...],
    message: str,
    exit_code: int,
) -> None:
    command = [uv, *start, "copier", "copy", *options, "--defaults", str(template), "service"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.endswith(message)
    assert done.returncode == exit_code
    assert indent(message, "    ") in (ROOT / "README.md").read_text()


def test_the_readme_quotes_a_refused_answer() -> None:
    message = f"Validation error for question 'slug': {slug_error('order')}"
    assert message in (ROOT / "README.md").read_text()


def test_copier_asks_before_it_overwrites(uv: str, template: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Mine.\n")
    copy = ("copier", "copy", "--trust", "--defaults", str(template), ".")
    done = subprocess.run(
        [uv, *COPIER, *LOADER, *copy],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "conflict" in done.stderr
    assert "Interactive session required" in done.stderr
    assert (tmp_path / "README.md").read_text() == "Mine.\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tools/dev.py", "is taken: end what listens there, or choose another with --port"),
        ("app/db/migrations.py", "run this in the project's folder"),
    ],
)
def test_a_services_readme_quotes_what_is_printed(source: str, message: str) -> None:
    assert message in (ROOT / "template" / source).read_text()
    assert message in (ROOT / "template" / "README.md.jinja").read_text()


def test_the_whole_command_stands_wherever_it_is_needed(template: Path) -> None:
    form = "uvx --from copier --with copier-template-extensions copier {} --trust"
    readme = (ROOT / "README.md").read_text()
    assert all(form.format(command) in readme for command in ("copy", "update", "recopy"))
    for file in ("README.md.jinja", "{{_copier_conf.answers_file}}.jinja"):
        assert form.format("update") in (template / "template" / file).read_text()
