"""`.env.example`, which shows what can be set."""

from pathlib import Path

from app.ratelimit import STAND_INS
from app.settings import Settings, load

EXAMPLE = Path(__file__).parent.parent / ".env.example"


def shown() -> dict[str, str]:
    """The settings of the example, by name."""
    lines = EXAMPLE.read_text().splitlines()
    pairs = (line[1:].partition("=") for line in lines if line.startswith("#") and line[1:2] != " ")
    return {name: value for name, _, value in pairs}


def test_shows_every_setting_and_no_other() -> None:
    assert list(shown()) == [name.upper() for name in Settings.model_fields]


def test_shows_the_defaults(jwt_keys: str) -> None:
    given = {"database_url": "postgresql://localhost/db", "jwt_keys": jwt_keys, **STAND_INS}
    example = {name.lower(): value for name, value in shown().items() if value}

    as_shown = load(_env_file=None, **example | given)

    assert as_shown == load(_env_file=None, **given)
