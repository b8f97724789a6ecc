"""Template strings are compiled once, and rendered with what they are given each time."""

from jinja2 import Environment

from extensions.compiled import Compiled


def test_a_string_is_compiled_once() -> None:
    environment = Environment(extensions=[Compiled])

    assert environment.from_string("{{ name }}") is environment.from_string("{{ name }}")


def test_what_it_is_rendered_with_is_not_remembered() -> None:
    environment = Environment(extensions=[Compiled])

    assert environment.from_string("{{ name }}").render(name="Ada") == "Ada"
    assert environment.from_string("{{ name }}").render(name="Grace") == "Grace"
    environment.globals["name"] = "Mary"
    assert environment.from_string("{{ name }}").render() == "Mary"
