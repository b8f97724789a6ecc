"""Template strings are compiled once, and rendered with what they are given each time."""

import pytest
from jinja2 import Environment

from extensions.compiled import Compiled, Plain


@pytest.fixture
def environment() -> Environment:
    return Environment(extensions=[Compiled])  # noqa: S701 -- no HTML


def test_a_string_is_compiled_once(environment: Environment) -> None:
    assert environment.from_string("{{ name }}") is environment.from_string("{{ name }}")


@pytest.mark.parametrize("text", ["main.py", "uv.lock", "a }} b", ""])
def test_a_string_that_is_no_template_is_what_it_is(environment: Environment, text: str) -> None:
    assert isinstance(environment.from_string(text), Plain)
    assert environment.from_string(text).render(name="Ada") == text


@pytest.mark.parametrize("text", ["{{ name }}.py", "{% if name %}x{% endif %}", "x{# y #}", "x\n"])
def test_a_template_is_what_jinja_makes_of_it(environment: Environment, text: str) -> None:
    jinja = Environment()  # noqa: S701 -- no HTML
    expected = jinja.from_string(text).render(name="Ada")
    assert environment.from_string(text).render(name="Ada") == expected


def test_what_it_is_rendered_with_is_not_remembered(environment: Environment) -> None:
    assert environment.from_string("{{ name }}").render(name="Ada") == "Ada"
    assert environment.from_string("{{ name }}").render(name="Grace") == "Grace"
    environment.globals["name"] = "Mary"
    assert environment.from_string("{{ name }}").render() == "Mary"
