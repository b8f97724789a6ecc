"""What can be set, from the environment, ``.env`` and secret files, in that order.

A setting is read from the environment variable of its name in capitals. Secrets may stand in files
of their name instead, in ``/run/secrets`` (Docker, Kubernetes) or ``secrets/`` (a checkout, made by
``app init``). No other module reads the environment. There is no default that would let a service
start in production without having been thought about: an address and a key must be given.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import limits
from pydantic import AfterValidator, Field, SecretStr, ValidationError
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
from app.auth.rate_limits import RateLimitOptions
from app.db import DatabaseOptions

SECRET_DIRECTORIES: Final = (Path("/run/secrets"), Path("secrets"))
"""The later one wins."""


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
        _ = url.port
    except ValueError:
        raise ValueError("its port is no number, as in postgresql://user@host:5432/name") from None
    if not url.path.strip("/"):
        raise ValueError("names no database: write postgresql://user@host:5432/name")
    return value


def _key_set(value: SecretStr) -> SecretStr:
    KeySet.parse(value.get_secret_value())
    return value


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for what a secret file holds, so that it is reported with everything else."""

    reason: str


class _SecretFiles(SecretsSettingsSource):
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        try:
            return super().get_field_value(field, field_name)
        except UnicodeError:
            return _Unreadable("it is not text in UTF-8"), field_name, False
        except OSError as error:
            return _Unreadable(error.strerror or "unknown error"), field_name, False


def _rate_limit(value: str) -> str:
    try:
        limits.parse(value)
    except ValueError:
        raise ValueError('must be a number and a time, as in "10 per 15 minutes"') from None
    return value


Seconds = Annotated[float, Field(gt=0)]
RateLimit = Annotated[str, AfterValidator(_rate_limit)]


class Settings(BaseSettings):
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
    migrate_on_start: bool = Field(
        False, description="Migrate before serving, where no job of its own does."
    )

    # Tokens
    jwt_keys: Annotated[SecretStr, AfterValidator(_key_set)] = Field(
        description="The signing keys, a JWK Set (RFC 7517); the first one signs, all verify.",
    )
    jwt_issuer: str = Field(about.NAME, min_length=1, description="The iss claim.")
    jwt_audience: str = Field(about.NAME, min_length=1, description="The aud claim.")
    access_token_lifetime: int = Field(900, gt=0, description="In seconds.")
    refresh_token_lifetime: int = Field(
        14 * 24 * 3600, gt=0, description="Seconds for which an unused refresh token is good."
    )
    session_lifetime: int = Field(
        90 * 24 * 3600, gt=0, description="Seconds after which a user has to log in again."
    )
    refresh_grace: int = Field(
        10, ge=0, description="Seconds in which a client may retry a refresh whose answer it lost."
    )

    # Password hashing: argon2id (RFC 9106) with OWASP's minimum; logins cost memory times threads.
    argon2_time_cost: int = Field(2, ge=1, description="Passes over the memory.")
    argon2_memory_kib: int = Field(19456, ge=8, description="Memory of one hash, in KiB.")
    argon2_parallelism: int = Field(1, ge=1, description="Lanes of one hash.")
    password_threads: int = Field(2, ge=1, description="Passwords hashed at the same time.")
    password_queue: int = Field(
        64, ge=1, description="Passwords waiting to be hashed before logins are answered 503."
    )

    # Bounds on guessing, such as "10 per 15 minutes"; counted in this process.
    login_limit: RateLimit = Field(
        "10 per 15 minutes", description="Logins to one account from one address that may fail."
    )
    login_account_limit: RateLimit = Field(
        "100 per hour",
        description="Logins to one account from all addresses that it is not usually used from.",
    )
    login_address_limit: RateLimit = Field(
        "1000 per hour", description="Logins to any account from one address."
    )
    register_limit: RateLimit = Field(
        "1000 per hour", description="Registrations from one address."
    )
    refresh_limit: RateLimit = Field("5000 per hour", description="Refreshes from one address.")
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
    api_docs: bool = Field(False, description="Serve /docs and /openapi.json.")

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
        )

    @property
    def rate_limits(self) -> RateLimitOptions:
        return RateLimitOptions(
            login_from_address_to_account=self.login_limit,
            login_to_account=self.login_account_limit,
            login_from_address=self.login_address_limit,
            register_from_address=self.register_limit,
            refresh_from_address=self.refresh_limit,
        )

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
        return f"its secret file can't be read: {problem['input'].reason}"
    return problem["msg"].removeprefix("Value error, ")
