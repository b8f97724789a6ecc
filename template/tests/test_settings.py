"""Where settings come from, what is refused, and what is never shown."""

import json
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.ratelimit import STAND_INS, StoreSettings
from app.secret_files import SecretFile, is_open_to_others
from app.settings import Settings, SettingsError, load

URL = "postgresql://ada@localhost/service"
PASSWORD = "a password that nobody may see"


@pytest.fixture
def given(workspace: Path, monkeypatch: pytest.MonkeyPatch, jwt_keys: str) -> None:
    """What must be given, and nothing else."""
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("JWT_KEYS", jwt_keys)
    for name, value in STAND_INS.items():
        monkeypatch.setenv(name.upper(), value)


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
    file.chmod(0o600)
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
    def test_an_address_may_name_several_hosts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        url = "postgresql://ada@one:5432,two:5433,three/service?target_session_attrs=primary"
        monkeypatch.setenv("DATABASE_URL", url)

        assert load().database_url.get_secret_value() == url

    @pytest.mark.usefixtures("given")
    def test_several_origins_are_told_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        origins = {
            "https://app.example.com",
            "https://example.com:8443",
            "http://localhost:5173",
            "http://app.localhost:8080",
            "http://[::1]:3000",
        }
        monkeypatch.setenv("FRONTEND_ORIGINS", " ".join(origins))

        assert load().allowed_origins == origins

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

        assert caught.value.missing == {"database_url", "jwt_keys", *STAND_INS}

    def test_all_problems_are_reported_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "mysql://localhost/service")
        monkeypatch.setenv("JWT_KEYS", "{}")
        monkeypatch.setenv("LOG_LEVEL", "loud")
        monkeypatch.setenv("DATABASE_POOL_MAX_SIZE", "0")
        monkeypatch.setenv("REQUEST_TIMEOUT", "soon")
        monkeypatch.setenv("API_DOCS", "perhaps")
        for name, value in STAND_INS.items():
            monkeypatch.setenv(name.upper(), value)

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
            ("postgresql://ada@one:5432,two:port/service", "its port is no number"),
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

    @pytest.mark.parametrize(
        "origins",
        [
            "*",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://*.example.com",
            "https://ada@app.example.com",
            "http://app.example.com",
            "http://localhost.example.com",
            "https://app.example.com,https://example.com",
            "https://app.example.com example.com",
        ],
    )
    def test_origins_that_are_none(self, monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
        monkeypatch.setenv("FRONTEND_ORIGINS", origins)

        assert "  FRONTEND_ORIGINS: must be origins as browsers write them" in refusal()

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


class TestSecretFiles:
    @pytest.fixture(autouse=True)
    def _addresses(self, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", URL)
        for name, value in STAND_INS.items():
            monkeypatch.setenv(name.upper(), value)

    @pytest.mark.usefixtures("unprivileged")
    @pytest.mark.parametrize("mode", [0o604, 0o620, 0o640, 0o644, 0o660, 0o666])
    @pytest.mark.parametrize("name", ["jwt_keys", "database_password"])
    def test_that_others_can_read_are_refused(self, jwt_keys: str, name: str, mode: int) -> None:
        secret_file(Path("secrets"), "jwt_keys", jwt_keys)
        secret_file(Path("secrets"), "database_password", PASSWORD)
        Path("secrets", name).chmod(mode)

        message = refusal()

        assert message.splitlines()[1] == (
            f"  {name.upper()}: others can read its secret file (mode 0{mode:o}): "
            f"run `chmod 600 secrets/{name}`"
        )
        Path("secrets", name).chmod(0o600)
        assert load(), "the advice helps"

    @pytest.mark.parametrize("mode", [0o440, 0o444, 0o644, 0o777])
    def test_that_are_mounted_have_the_mode_that_they_were_given(
        self, jwt_keys: str, mode: int
    ) -> None:
        secret_file(Path("run", "secrets"), "jwt_keys", jwt_keys).chmod(mode)

        assert load().jwt_keys.get_secret_value() == jwt_keys.strip()

    @pytest.mark.parametrize(
        ("mode", "owner", "is_open"),
        [
            (0o400, 1000, False),
            (0o600, 1000, False),
            (0o700, 1000, False),
            (0o640, 1000, True),
            (0o600, 0, False),
            (0o640, 0, False),
            (0o660, 0, True),
            (0o650, 0, True),
            (0o644, 0, True),
            (0o604, 0, True),
        ],
    )
    def test_of_root_may_be_a_group_s(self, mode: int, owner: int, is_open: bool) -> None:
        assert is_open_to_others(os.stat_result((mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))) is is_open

    def test_that_are_not_used_are_not_looked_at(
        self, jwt_keys: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret_file(Path("secrets"), "jwt_keys", "{}").chmod(0o644)
        monkeypatch.setenv("JWT_KEYS", jwt_keys)

        assert load().jwt_keys_file is None

    def test_of_keys_are_known_by_name(self, jwt_keys: str) -> None:
        secret_file(Path("secrets"), "jwt_keys", jwt_keys)

        assert load().jwt_keys_file == SecretFile(Path("secrets/jwt_keys"), mounted=False)

    def test_may_be_links_as_kubernetes_makes_them(self, jwt_keys: str) -> None:
        folder = Path("run", "secrets")
        secret_file(folder / "..2026", "jwt_keys", jwt_keys)
        (folder / "..data").symlink_to("..2026")
        (folder / "jwt_keys").symlink_to("..data/jwt_keys")

        assert load().jwt_keys_file == SecretFile(folder / "jwt_keys", mounted=True)

    def test_that_are_folders_are_refused(self) -> None:
        """What Docker makes of a file that is not there."""
        Path("secrets/jwt_keys").mkdir(parents=True)

        assert "  JWT_KEYS: its secret file can't be read: Is a directory" in refusal()

    def test_may_hold_what_is_no_secret(self, jwt_keys: str) -> None:
        secret_file(Path("secrets"), "jwt_keys", jwt_keys)
        secret_file(Path("secrets"), "database_pool_max_size", "7\n")

        assert load().database_pool_max_size == 7


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

        assert secret - StoreSettings.model_fields.keys() == {
            "database_url",
            "database_password",
            "jwt_keys",
        }

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
