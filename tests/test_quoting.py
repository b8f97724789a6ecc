"""Whatever is typed comes out of each kind of file as it was typed."""

import ast
import json
import tomllib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extensions.quoting import double_quoted, label, markdown, python_string

# What the validators let through.
LINES = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]))


@given(LINES)
def test_toml_yaml_and_json_read_it_back(text: str) -> None:
    written = double_quoted(text)
    assert tomllib.loads(f"key = {written}") == {"key": text}
    assert yaml.safe_load(f"key: {written}") == {"key": text}
    assert json.loads(written) == text


@given(LINES)
def test_python_reads_it_back(text: str) -> None:
    assert ast.literal_eval(python_string(text)) == text


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", '"plain"'),
        ("it's", '"it\'s"'),
        ('"quoted"', "'\"quoted\"'"),
        ('"it\'s"', r"""'"it\'s"'"""),
        ("\"it's", r'''"\"it's"'''),
    ],
)
def test_python_strings_are_as_the_formatter_would_have_them(text: str, literal: str) -> None:
    assert python_string(text) == literal


def test_markdown_shows_it_as_it_was_typed() -> None:
    assert markdown("<b> *a* _b_ `c` [d](e) &amp; ~~f~~") == (
        r"\<b\> \*a\* \_b\_ \`c\` \[d\](e) \&amp; \~\~f\~\~"
    )
    assert markdown("Plain name, with a comma.") == "Plain name, with a comma."


def test_a_label_takes_no_variables() -> None:
    assert label('costs $HOME "now"') == r'"costs \$HOME \"now\""'
