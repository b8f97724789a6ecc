"""``app keys``: the keys that sign access tokens."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli.failure import Failure, failing_on

if TYPE_CHECKING:
    from app.auth.keys import KeySet, Term
    from app.secret_files import SecretFile
    from app.settings import Settings

app = typer.Typer(help="Rotate the keys that sign access tokens.", no_args_is_help=True)

_MARGIN: Final = 60
"""Seconds on top of a token's lifetime, for clocks that differ."""


@app.command("list")
def list_keys() -> None:
    """List the keys, the newest first: id, algorithm, when it was made, what it does."""
    from app.auth.keys import KeySet
    from app.auth.signing import ALGORITHM

    settings = _settings()
    keys = KeySet.parse(settings.jwt_keys.get_secret_value())
    now = int(time.time())
    for term in keys.terms:
        made = "unknown" if term.created_at is None else _moment(term.created_at)
        state = _state(term, keys, now, settings.access_token_lifetime)
        typer.echo(f"{term.kid}  {ALGORITHM}  made {made}  {state}")


@app.command()
def rotate(
    delay: Annotated[
        int,
        typer.Option(
            help="Seconds until the new key signs: time for every replica to read it.", min=0
        ),
    ] = 3600,
) -> None:
    """Add a key, which is to sign in place of the present one from some time on.

    Until then it only verifies. A running service reads the file again by itself where it sees it
    change: at once on this machine, within minutes in Kubernetes. Containers of Compose don't see
    it: restart them within the time. Nobody is logged out if every replica has the key by then.

    The old key goes on verifying until `app keys retire` removes it.
    """
    from app.auth.jwks import MAX_AGE
    from app.auth.keys import add_key, generate_key

    file = _file(_settings())
    key = generate_key(delay)
    _change(file, lambda text: add_key(text, key))
    typer.echo(f"{key['kid']} is in {file.path} and signs from {_moment(key['nbf'])} on")
    if delay < MAX_AGE:
        _warn("whoever has not read it by then refuses what it signs")


@app.command()
def retire(
    kids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KID]...", help="Which; without any, all whose last token has expired."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also keys whose tokens may still be good.")
    ] = False,
) -> None:
    """Remove keys that don't sign any more, once the last token that they signed has expired."""
    from app.auth.keys import KeySet, remove_keys

    settings = _settings()
    lifetime = settings.access_token_lifetime
    retired: list[str] = []

    def remove(text: str) -> str:
        keys = KeySet.parse(text)
        retired.extend(_named(keys, kids, lifetime, force) if kids else _idle(keys, lifetime))
        return remove_keys(text, retired) if retired else text

    _change(_file(settings), remove)
    for kid in retired:
        typer.echo(f"{kid} is retired")
    if not retired:
        typer.echo("nothing to do: tokens of every key may still be good")


def _settings() -> "Settings":
    from app.ratelimit import STAND_INS
    from app.settings import SettingsError, load

    with failing_on(SettingsError):
        # Nothing but the keys is needed; these stand in for the rest.
        return load(database_url="postgresql://localhost/none", **STAND_INS)


def _file(settings: "Settings") -> "SecretFile":
    if settings.jwt_keys_file is None:
        raise Failure(
            "JWT_KEYS is set in the environment or in .env, which no command changes: move the "
            "keys to the file secrets/jwt_keys"
        )
    return settings.jwt_keys_file


def _change(file: "SecretFile", change: Callable[[str], str]) -> None:
    from app.auth.key_file import change_file
    from app.secret_files import SecretFileError

    try:
        with failing_on(SecretFileError):
            change_file(file, change)
    except OSError as error:
        raise Failure(f"can't write {file.path}: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{file.path} {error}") from error


def _idle(keys: "KeySet", lifetime: int) -> list[str]:
    """The keys that no good token was signed with."""
    now = int(time.time())
    return [term.kid for term in keys.terms if _why_needed(term, keys, now, lifetime) is None]


def _named(keys: "KeySet", kids: list[str], lifetime: int, force: bool) -> list[str]:
    """The keys that are to be retired. Raises `Failure` where one is still needed."""
    now = int(time.time())
    terms = {term.kid: term for term in keys.terms}
    for kid in kids:
        if kid not in terms:
            raise Failure(f"there is no key {kid}: `app keys list` shows them")
        if kid == keys.signing_at(now).kid:
            raise Failure(f"{kid} signs: `app keys rotate` puts another in its place")
        reason = _why_needed(terms[kid], keys, now, lifetime)
        if reason and not force:
            raise Failure(f"{reason}: wait, or give --force to have its tokens refused")
        if reason:
            _warn(f"{reason}; its tokens are refused from now on, and their bearers must refresh")
    return kids


def _why_needed(term: "Term", keys: "KeySet", now: int, lifetime: int) -> str | None:
    """Why a key can't be retired."""
    if term.kid == keys.signing_at(now).kid or _is_to_sign(term, now):
        return f"{term.kid} {_state(term, keys, now, lifetime)}"
    if not term.ends_at:
        return f"it is not recorded when {term.kid} stopped signing"
    if now < (last := _last_expiry(term.ends_at, lifetime)):
        return f"the last token that {term.kid} signed may be good until {_moment(last)}"
    return None


def _state(term: "Term", keys: "KeySet", now: int, lifetime: int) -> str:
    if term.kid == keys.signing_at(now).kid:
        since = f" since {_moment(term.begins_at)}" if term.begins_at else ""
        until = f" until {_moment(term.ends_at)}" if term.ends_at else ""
        return f"signs{since}{until}"
    if _is_to_sign(term, now):
        return f"signs from {_moment(term.begins_at)} on"
    if not term.ends_at:
        return "verifies"
    last = _last_expiry(term.ends_at, lifetime)
    if now < last:
        return f"verifies until {_moment(last)}"
    return f"can be retired since {_moment(last)}"


def _is_to_sign(term: "Term", now: int) -> bool:
    return term.begins_at > now and (term.ends_at is None or term.ends_at > term.begins_at)


def _last_expiry(ends_at: int, lifetime: int) -> int:
    """When the last token has expired that a key signed."""
    return ends_at + lifetime + _MARGIN


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _warn(sentence: str) -> None:
    typer.echo(f"warning: {sentence}", err=True)
