"""What can be set, from the environment, ``.env`` and secret files, in that order.

A setting is read from the environment variable of its name in capitals. Secrets may stand in files
of their name instead, in ``/run/secrets`` (Docker, Kubernetes) or ``secrets/`` (a checkout, made by
``app init``). No other module reads the environment. There is no default that would let a service
start in production without having been thought about: an address and a key must be given.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from app import about
from app.auth.keys import KeySet
from app.auth.passwords import PasswordOptions
from app.auth.purge import PurgeOptions
from app.auth.rate_limits import RateLimitOptions
from app.db import DatabaseOptions
from app.ratelimit import RateLimit, StoreSettings
from app.secret_files import SecretFile, SecretFileError

SECRET_DIRECTORIES: Final = (Path("/run/secrets"), Path("secrets"))
"""Where Docker and Kubernetes mount secrets, and where a checkout has them. The later one wins."""


class SettingsError(Exception):
    """The settings don't hold. Says, for each, what is wrong and how to mend it; never a value."""

    def __init__(self, message: str, missing: frozenset[str]) -> None:
        super().__init__(message)
        self.missing = missing


def _postgresql_url(value: SecretStr) -> SecretStr:
    url = urlsplit(value.get_secret_value())
    if url.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://, as in postgresql://user@host:5432/name")
    try:
        for host in url.netloc.rpartition("@")[2].split(","):  # as libpq has it, several
            _ = urlsplit(f"//{host}").port
    except ValueError:
        raise ValueError("its port is no number, as in postgresql://user@host:5432/name") from None
    if not url.path.strip("/"):
        raise ValueError("names no database: write postgresql://user@host:5432/name")
    return value


class FileSecret(SecretStr):
    """A secret, and the file that it was read from."""

    def __init__(self, value: str, file: SecretFile) -> None:
        super().__init__(value)
        self.file = file


def _key_set(value: Any, validate: ValidatorFunctionWrapHandler) -> SecretStr:
    secret: SecretStr = validate(value)
    KeySet.parse(secret.get_secret_value())
    return value if isinstance(value, FileSecret) else secret


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for what a secret file holds, so that it is reported with everything else."""

    reason: str


class _SecretFiles(SecretsSettingsSource):
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        file = self._find(field_name)
        if file is None or field_name in self.current_state:  # it is set elsewhere
            return None, field_name, False
        try:
            text = file.read()
        except SecretFileError as error:
            return _Unreadable(str(error)), field_name, False
        is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
        return FileSecret(text, file) if is_secret else text, field_name, False

    def _find(self, name: str) -> SecretFile | None:
        mounted = SECRET_DIRECTORIES[0]
        for folder in reversed(self.secrets_paths):
            if path := self.find_case_path(folder, name, self.case_sensitive):
                return SecretFile(path, mounted=folder == mounted)
        return None


def _rate_limit(value: str) -> str:
    RateLimit.parse(value)
    return value


_PORT: Final = r"(:(?!(80|443)$)\d{1,5})?"
_ORIGIN: Final = re.compile(
    rf"https://[a-z0-9.-]+{_PORT}"
    # Not encrypted, but within the machine: browsers trust these as much (Secure Contexts).
    rf"|http://(([a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\]){_PORT}"
)


def _origins(value: str) -> str:
    if not all(_ORIGIN.fullmatch(origin) for origin in value.split()):
        raise ValueError(
            "must be origins as browsers write them, with spaces between: https://app.example.com, "
            "without a path, a slash at the end or a usual port; http:// for this machine alone"
        )
    return value


Seconds = Annotated[float, Field(gt=0)]
Limit = Annotated[str, AfterValidator(_rate_limit)]


class Settings(StoreSettings, BaseSettings):
    """The service's settings. `load` reads them; tests give them as arguments."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # The database
    database_url: Annotated[SecretStr, AfterValidator(_postgresql_url)] = Field(
        description="Where the database is: postgresql://user@host:5432/name.",
    )
    database_password: SecretStr | None = Field(
        None, description="The database user's password; better than one in DATABASE_URL."
    )
    database_pool_min_size: int = Field(2, ge=0, description="Connections kept open when idle.")
    database_pool_max_size: int = Field(10, ge=1, description="Connections at most.")
    database_acquire_timeout: Seconds = Field(
        3, description="Seconds to wait for a connection before answering 503."
    )
    database_statement_timeout: Seconds = Field(
        30, description="Seconds after which PostgreSQL cancels a statement."
    )
    database_connection_idle_timeout: Seconds = Field(
        300, description="Seconds after which an unused connection above the minimum is closed."
    )
    database_connection_lifetime: Seconds = Field(
        1800, description="Seconds after which a connection is replaced."
    )
    database_application_name: str = Field(
        about.NAME, description="How the service's sessions appear in pg_stat_activity."
    )
    database_behind_pooler: bool = Field(
        False, description="PgBouncer in transaction mode stands before the database."
    )
    migrate_on_start: bool = Field(
        False, description="Migrate before serving, where no job of its own does."
    )

    # Tokens
    jwt_keys: Annotated[SecretStr, WrapValidator(_key_set)] = Field(
        description="The signing keys, a JWK Set (RFC 7517): one signs, all verify.",
    )
    jwt_issuer: str = Field(about.NAME, min_length=1, description="The iss claim.")
    jwt_audience: str = Field(about.NAME, min_length=1, description="The aud claim.")
    access_token_lifetime: int = Field(900, gt=0, description="In seconds.")
    refresh_token_lifetime: int = Field(
        14 * 24 * 3600, gt=0, description="Seconds without a refresh after which a session ends."
    )
    session_lifetime: int = Field(
        90 * 24 * 3600, gt=0, description="Seconds after which a session ends in any case."
    )
    refresh_grace: int = Field(
        10, ge=0, description="Seconds in which a client may retry a refresh whose answer it lost."
    )
    purge_interval: Seconds = Field(
        600, description="Seconds between deletions of the sessions that have ended, on average."
    )
    purge_batch_size: int = Field(
        1000, ge=1, description="Rows that a statement of such a deletion deletes at most."
    )

    # Password hashing: argon2id (RFC 9106) with OWASP's minimum; logins cost memory times threads.
    argon2_time_cost: int = Field(2, ge=1, description="Passes over the memory.")
    argon2_memory_kib: int = Field(19456, ge=8, description="Memory of one hash, in KiB.")
    argon2_parallelism: int = Field(1, ge=1, description="Lanes of one hash.")
    password_threads: int = Field(
        1, ge=1, description="Passwords hashed at the same time; more need a free processor each."
    )
    password_queue: int = Field(
        64, ge=1, description="Passwords waiting to be hashed before logins are answered 503."
    )

    # Bounds on guessing: of "10 per 15 minutes" ten may come at once, and one more each 90 seconds.
    login_limit: Limit = Field(
        "10 per 15 minutes", description="Logins to one account from one address that may fail."
    )
    login_account_limit: Limit = Field(
        "100 per hour",
        description="Logins to one account from all addresses that it is not usually used from.",
    )
    login_address_limit: Limit = Field(
        "1000 per hour", description="Logins to any account from one address."
    )
    register_limit: Limit = Field("1000 per hour", description="Registrations from one address.")
    refresh_limit: Limit = Field("5000 per hour", description="Refreshes from one address.")
    trusted_proxies: int = Field(
        0, ge=0, description="Proxies in front of the service that add to X-Forwarded-For."
    )

    # HTTP
    max_body_bytes: int = Field(1024 * 1024, ge=1, description="The largest request body.")
    request_timeout: Seconds = Field(30, description="Seconds for one request, all told.")
    shutdown_delay: float = Field(
        0, ge=0, description="Seconds between failing /health and closing the listener on a stop."
    )
    shutdown_timeout: int = Field(
        25, ge=1, description="Seconds for the requests in flight to finish on a stop."
    )
    frontend_origins: Annotated[str, AfterValidator(_origins)] = Field(
        "",
        description="Other origins whose pages may call the service, as https://app.example.com.",
    )
    api_docs: bool = Field(False, description="Serve /docs and /openapi.json.")

    # Metrics
    metrics_port: int = Field(
        9464, ge=0, le=65535, description="Where Prometheus finds /metrics; not for the public."
    )
    metrics_host: str | None = Field(
        None, description="The address that port is on; without one, the address of the service."
    )

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged at least."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="json for machines, console for people."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        secret_files = _SecretFiles(settings_cls, secrets_dir=_secret_directories())
        return init_settings, env_settings, dotenv_settings, secret_files

    @property
    def jwt_keys_file(self) -> SecretFile | None:
        """The file that the keys were read from, if they were."""
        return self.jwt_keys.file if isinstance(self.jwt_keys, FileSecret) else None

    @property
    def database(self) -> DatabaseOptions:
        password = self.database_password
        return DatabaseOptions(
            url=self.database_url.get_secret_value(),
            password=password.get_secret_value() if password else None,
            application_name=self.database_application_name,
            pool_min_size=min(self.database_pool_min_size, self.database_pool_max_size),
            pool_max_size=self.database_pool_max_size,
            acquire_timeout=self.database_acquire_timeout,
            connection_idle_timeout=self.database_connection_idle_timeout,
            connection_lifetime=self.database_connection_lifetime,
            statement_timeout=self.database_statement_timeout,
            behind_pooler=self.database_behind_pooler,
        )

    @property
    def allowed_origins(self) -> frozenset[str]:
        return frozenset(self.frontend_origins.split())

    @property
    def rate_limits(self) -> RateLimitOptions:
        return RateLimitOptions(
            login_from_address_to_account=RateLimit.parse(self.login_limit),
            login_to_account=RateLimit.parse(self.login_account_limit),
            login_from_address=RateLimit.parse(self.login_address_limit),
            register_from_address=RateLimit.parse(self.register_limit),
            refresh_from_address=RateLimit.parse(self.refresh_limit),
        )

    @property
    def purge(self) -> PurgeOptions:
        return PurgeOptions(interval=self.purge_interval, batch_size=self.purge_batch_size)

    @property
    def passwords(self) -> PasswordOptions:
        return PasswordOptions(
            time_cost=self.argon2_time_cost,
            memory_kib=self.argon2_memory_kib,
            parallelism=self.argon2_parallelism,
            threads=self.password_threads,
            queue=self.password_queue,
        )


def load(**given: Any) -> Settings:
    """Read the settings; ``given`` ones win. Raises `SettingsError` with every problem at once."""
    try:
        return Settings(**given)
    except ValidationError as error:
        missing = (item["loc"][0] for item in error.errors() if item["type"] == "missing")
        raise SettingsError(_report(error), frozenset(map(str, missing))) from None
    except OSError as error:
        raise SettingsError(f"can't read {error.filename}: {error.strerror}", frozenset()) from None


def _secret_directories() -> list[Path]:
    """Those that exist: the stock source warns of the others. Raises `OSError` for a closed one."""
    present = [path for path in SECRET_DIRECTORIES if path.is_dir()]
    for path in present:
        next(path.iterdir(), None)
    return present


_ADVICE: Final = (
    "Set them in the environment, in .env, or as files in secrets/ or /run/secrets/. "
    "`app init` makes the secrets; .env.example lists everything."
)


def _report(error: ValidationError) -> str:
    problems = [
        f"  {str(problem['loc'][0]).upper()}: {_sentence(problem)}"
        for problem in error.errors(include_url=False, include_context=False)
    ]
    return "\n".join(["The settings don't hold:", *problems, _ADVICE])


def _sentence(problem: ErrorDetails) -> str:
    if problem["type"] == "missing":
        return f"is missing. {Settings.model_fields[str(problem['loc'][0])].description}"
    if isinstance(problem["input"], _Unreadable):
        return problem["input"].reason
    return problem["msg"].removeprefix("Value error, ")
