"""Where settings come from, what is refused, and what is never shown."""

import json
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import Settings, SettingsError, load

URL = "postgresql://ada@localhost/service"
PASSWORD = "a password that nobody may see"


@pytest.fixture
def given(workspace: Path, monkeypatch: pytest.MonkeyPatch, jwt_keys: str) -> None:
    """What must be given, and nothing else."""
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("JWT_KEYS", jwt_keys)


@pytest.fixture
def unprivileged(workspace: Path) -> Iterator[None]:
    """Not being root, who may read everything."""
    user = os.geteuid()
    if user != 0:
        yield
        return
    owner = pwd.getpwnam("nobody").pw_uid
    os.chown(workspace, owner, -1)
    os.seteuid(owner)
    try:
        yield
    finally:
        os.seteuid(user)


def refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


def secret_file(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(content)
    return file


class TestSources:
    @pytest.mark.usefixtures("given")
    def test_the_environment_comes_first(
        self, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = [workspace / "run" / "secrets", workspace / "secrets"]
        expected = []
        for folder, password in zip(files, ["mounted", "checkout"], strict=True):
            secret_file(folder, "database_password", f"{password}\n")
            expected.append((password, _password()))
        (workspace / ".env").write_text("DATABASE_PASSWORD=dotenv\n")
        expected.append(("dotenv", _password()))
        monkeypatch.setenv("DATABASE_PASSWORD", "environment")
        expected.append(("environment", _password()))

        assert [found for _, found in expected] == [source for source, _ in expected]

    @pytest.mark.usefixtures("given")
    def test_an_empty_variable_sets_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOG_LEVEL", "")

        assert load().log_level == "info"

    @pytest.mark.usefixtures("given")
    def test_other_variables_do_not_matter(self, workspace: Path) -> None:
        (workspace / ".env").write_text("CONTAINER_USER=1000:1000\n")

        assert load().database_url.get_secret_value() == URL

    @pytest.mark.usefixtures("given")
    def test_given_ones_win(self) -> None:
        assert load(log_level="error").log_level == "error"

    @pytest.mark.usefixtures("given")
    def test_nothing_is_read_before_it_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = load().log_level
        monkeypatch.setenv("LOG_LEVEL", "debug")

        assert before == "info"
        assert load().log_level == "debug"


@pytest.mark.usefixtures("workspace")
class TestRefusals:
    def test_there_is_no_default_for_what_matters(self) -> None:
        message = refusal()

        assert "  DATABASE_URL: is missing. Where the database is: postgresql://" in message
        assert "  JWT_KEYS: is missing. The signing keys, a JWK Set" in message
        assert "`app init` makes the secrets" in message

    def test_what_is_missing_can_be_told(self) -> None:
        with pytest.raises(SettingsError) as caught:
            load(log_level="loud")

        assert caught.value.missing == {"database_url", "jwt_keys"}

    def test_all_problems_are_reported_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "mysql://localhost/service")
        monkeypatch.setenv("JWT_KEYS", "{}")
        monkeypatch.setenv("LOG_LEVEL", "loud")
        monkeypatch.setenv("DATABASE_POOL_MAX_SIZE", "0")
        monkeypatch.setenv("REQUEST_TIMEOUT", "soon")
        monkeypatch.setenv("API_DOCS", "perhaps")

        lines = refusal().splitlines()

        assert lines[0] == "The settings don't hold:"
        assert [line.strip().partition(":")[0] for line in lines[1:-1]] == [
            "DATABASE_URL",
            "DATABASE_POOL_MAX_SIZE",
            "JWT_KEYS",
            "REQUEST_TIMEOUT",
            "API_DOCS",
            "LOG_LEVEL",
        ]
        assert lines[-1].startswith("Set them in the environment, in .env, or as files in secrets/")

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("mysql://localhost/service", "must begin with postgresql://"),
            ("localhost", "must begin with postgresql://"),
            ("postgresql://ada@localhost", "names no database: write postgresql://user@host"),
            ("postgresql://ada@localhost/", "names no database"),
            ("postgresql://ada@localhost:port/service", "its port is no number"),
            ("postgresql://ada@localhost:99999/service", "its port is no number"),
        ],
    )
    def test_an_address_that_is_none(
        self, monkeypatch: pytest.MonkeyPatch, url: str, reason: str
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", url)

        assert f"  DATABASE_URL: {reason}" in refusal()

    @pytest.mark.parametrize(
        ("keys", "reason"),
        [
            ("a secret of one's own", "is no JWK Set"),
            ('{"keys": []}', "holds no key. `app init` makes a good one."),
            ('{"keys": [{"kty": "none", "kid": "one"}]}', 'key "one" is not for'),
        ],
    )
    def test_keys_that_are_none(
        self, monkeypatch: pytest.MonkeyPatch, keys: str, reason: str
    ) -> None:
        monkeypatch.setenv("JWT_KEYS", keys)

        assert f"  JWT_KEYS: {reason}" in refusal()

    def test_a_secret_file_that_is_no_text(self, workspace: Path) -> None:
        secret_file(workspace / "secrets", "jwt_keys", "").write_bytes(b"\xff\xfe")

        assert "  JWT_KEYS: its secret file can't be read: it is not text in UTF-8" in refusal()

    @pytest.mark.usefixtures("unprivileged")
    def test_a_secret_file_that_is_somebody_else_s(self) -> None:
        secret_file(Path("secrets"), "jwt_keys", "{}").chmod(0)

        message = refusal()

        assert "  JWT_KEYS: its secret file can't be read: Permission denied" in message
        assert "  DATABASE_URL: is missing" in message

    @pytest.mark.usefixtures("unprivileged")
    def test_a_folder_that_is_somebody_else_s(self) -> None:
        Path("secrets").mkdir(mode=0)

        assert refusal() == "can't read secrets: Permission denied"


@pytest.mark.usefixtures("given")
class TestSecrecy:
    @pytest.fixture
    def settings(self, monkeypatch: pytest.MonkeyPatch) -> Settings:
        monkeypatch.setenv("DATABASE_PASSWORD", PASSWORD)
        monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2hunter2@localhost/service")
        return load()

    def test_nothing_secret_is_shown(self, settings: Settings, jwt_keys: str) -> None:
        shown = f"{settings!r} {settings} {settings.database!r} {settings.model_dump_json()}"

        assert PASSWORD not in shown
        assert "hunter2hunter2" not in shown
        assert json.loads(jwt_keys)["keys"][0]["kid"] not in shown

    def test_every_secret_is_typed_as_one(self) -> None:
        secret = {
            name for name, field in Settings.model_fields.items() if SecretStr in _types(field)
        }

        assert secret == {"database_url", "database_password", "jwt_keys"}

    def test_no_error_quotes_what_was_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", f"mysql://ada:{PASSWORD}@localhost/service")
        monkeypatch.setenv("JWT_KEYS", f'{{"keys": ["{PASSWORD}"]}}')

        with pytest.raises(SettingsError) as caught:
            load()

        error = caught.value
        assert PASSWORD not in f"{error} {error!r} {error.__cause__!r}"
        assert error.__suppress_context__, "pydantic's error, which quotes, is not printed"

    def test_they_can_t_be_changed(self, settings: Settings) -> None:
        with pytest.raises(ValueError, match="frozen"):
            settings.log_level = "debug"


@pytest.mark.usefixtures("given")
class TestOptions:
    def test_the_pool_s_minimum_is_never_above_its_maximum(self) -> None:
        options = load(database_pool_min_size=5, database_pool_max_size=1).database

        assert (options.pool_min_size, options.pool_max_size) == (1, 1)

    def test_the_documentation_is_off_unless_switched_on(self) -> None:
        assert load().api_docs is False

    def test_every_setting_is_described(self) -> None:
        assert [
            name for name, field in Settings.model_fields.items() if not field.description
        ] == []


def _password() -> str:
    found = load().database_password
    assert found
    return found.get_secret_value()


def _types(field: object) -> tuple[object, ...]:
    annotation = getattr(field, "annotation", None)
    return (annotation, *getattr(annotation, "__args__", ()))
