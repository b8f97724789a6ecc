"""Template strings are compiled once, and rendered with what they are given each time."""

import pytest
from jinja2 import Environment

from extensions.compiled import Compiled


@pytest.fixture
def environment() -> Environment:
    return Environment(extensions=[Compiled])  # noqa: S701 -- no HTML


def test_a_string_is_compiled_once(environment: Environment) -> None:
    assert environment.from_string("{{ name }}") is environment.from_string("{{ name }}")


def test_what_it_is_rendered_with_is_not_remembered(environment: Environment) -> None:
    assert environment.from_string("{{ name }}").render(name="Ada") == "Ada"
    assert environment.from_string("{{ name }}").render(name="Grace") == "Grace"
    environment.globals["name"] = "Mary"
    assert environment.from_string("{{ name }}").render() == "Mary"
