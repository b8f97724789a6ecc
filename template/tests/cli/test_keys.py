"""`app keys`: rotating the signing keys, with no one logged out."""

import json
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.auth.key_file import change_file
from app.auth.keys import KeySet, add_key, generate_key, generate_key_set
from app.auth.signing import ALGORITHM
from app.secret_files import SecretFile
from tests.support.workspace import Run, tree

LIFETIME = 900
MARGIN = 60
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"

Keys = list[dict[str, Any]]


@pytest.fixture
def file(workspace: Path) -> Path:
    """The key file of a checkout."""
    (workspace / "secrets").mkdir(mode=0o700)
    path = workspace / "secrets" / "jwt_keys"
    path.write_text(generate_key_set())
    path.chmod(0o600)
    return path


def keys_in(file: Path) -> Keys:
    keys: Keys = json.loads(file.read_text())["keys"]
    return keys


def put(file: Path, *begins: int | None) -> Keys:
    """Write keys named key-0, key-1, … to the file: in how many seconds each begins to sign, or
    None where that is not said.
    """
    made = generate_key()
    keys: Keys = [
        {**made, "kid": f"key-{place}", "nbf": None if begin is None else made["nbf"] + begin}
        for place, begin in enumerate(begins)
    ]
    file.write_text(json.dumps({"keys": keys}))
    return keys


def secrets_of(keys: Keys) -> list[str]:
    return [str(key[name]) for key in keys for name in ("k", "d", "p", "q") if name in key]


class TestRotate:
    def test_adds_a_key_that_signs_in_an_hour(self, run: Run, file: Path) -> None:
        [old] = keys_in(file)
        before = int(time.time())

        result = run("keys", "rotate")

        assert result.code == 0
        [new, kept] = keys_in(file)
        assert kept == old
        assert before + 3600 <= new["nbf"] <= time.time() + 3600
        assert before <= new["iat"] <= time.time()
        assert re.fullmatch(
            rf"{new['kid']} is in secrets/jwt_keys and signs from {MOMENT} on\n", result.stdout
        )
        assert result.stderr == ""
        keys = KeySet.parse(file.read_text())
        assert keys.signing_at(new["nbf"] - 1).kid == old["kid"]
        assert keys.signing_at(new["nbf"]).kid == new["kid"]

    def test_warns_where_others_have_no_time_to_read_the_key(self, run: Run, file: Path) -> None:
        result = run("keys", "rotate", "--delay", "0")

        assert result.code == 0
        assert result.stderr == "warning: whoever has not read it by then refuses what it signs\n"
        assert KeySet.parse(file.read_text()).signing.kid == keys_in(file)[0]["kid"]

    def test_a_negative_delay_is_a_wrong_call(self, run: Run, file: Path) -> None:
        before = file.read_text()

        assert run("keys", "rotate", "--delay", "-1").code == 2
        assert file.read_text() == before

    def test_changes_nothing_but_the_file_s_content(self, run: Run, file: Path) -> None:
        (file.parent / "database_password").write_text("hunter2")
        before = {name: mode for name, (mode, _) in tree(file.parent.parent).items()}
        owner = (file.stat().st_uid, file.stat().st_gid)

        run("keys", "rotate")

        assert {name: mode for name, (mode, _) in tree(file.parent.parent).items()} == before
        assert (file.stat().st_uid, file.stat().st_gid) == owner

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_keeps_the_owner_when_root_rotates(self, run: Run, file: Path) -> None:
        os.chown(file, 65532, 65533)

        assert run("keys", "rotate").code == 0

        assert (file.stat().st_uid, file.stat().st_gid) == (65532, 65533)
        assert file.stat().st_mode & 0o777 == 0o600

    def test_changes_the_target_of_a_link(self, run: Run, file: Path, workspace: Path) -> None:
        target = workspace / "elsewhere" / "keys.json"
        target.parent.mkdir()
        file.rename(target)
        file.symlink_to("../elsewhere/keys.json")

        assert run("keys", "rotate").code == 0

        assert file.is_symlink()
        assert len(keys_in(target)) == 2
        assert target.stat().st_mode & 0o777 == 0o600

    def test_prints_no_secret(self, run: Run, file: Path) -> None:
        result = run("keys", "rotate")

        printed = result.stdout + result.stderr + run("keys", "list").stdout
        assert secrets_of(keys_in(file))
        assert not [secret for secret in secrets_of(keys_in(file)) if secret in printed]

    def test_of_keys_in_the_environment_is_a_sentence(
        self, run: Run, file: Path, jwt_keys: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JWT_KEYS", jwt_keys)
        before = file.read_text()

        for command in (["rotate"], ["retire"]):
            result = run("keys", *command)
            assert result.code == 1
            assert result.stderr == (
                "error: JWT_KEYS is set in the environment or in .env, which no command changes: "
                "move the keys to the file secrets/jwt_keys\n"
            )
        assert file.read_text() == before

    def test_of_no_keys_is_a_sentence(self, run: Run) -> None:
        result = run("keys", "rotate")

        assert result.code == 1
        assert "  JWT_KEYS: is missing." in result.stderr
        assert "`app init` makes the secrets" in result.stderr

    def test_of_a_file_that_others_can_read_is_a_sentence(self, run: Run, file: Path) -> None:
        file.chmod(0o666)

        result = run("keys", "rotate")

        assert result.code == 1
        assert "run `chmod 600 secrets/jwt_keys`" in result.stderr

    def test_that_can_not_write_is_a_sentence_and_leaves_the_file(
        self, run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        before = tree(file.parent)
        monkeypatch.setattr("os.fsync", full)

        result = run("keys", "rotate")

        assert result.code == 1
        assert result.stderr == "error: can't write secrets/jwt_keys: No space left on device\n"
        assert tree(file.parent) == before, "no half-made file stays, either"

    def test_waits_for_another_one(self, file: Path) -> None:
        """As many at once as may be: each key is there in the end, and every state was whole."""
        secret = SecretFile(file, mounted=False)
        made = generate_key()
        keys = [{**made, "kid": str(number)} for number in range(4)]

        def rotate(key: dict[str, Any]) -> None:
            change_file(secret, lambda text: add_key(text, key))

        with ThreadPoolExecutor(len(keys)) as threads:
            list(threads.map(rotate, keys))

        assert {key["kid"] for key in keys} < {key["kid"] for key in keys_in(file)}


class TestRetire:
    @pytest.fixture
    def put(self, file: Path) -> Callable[..., Keys]:
        return lambda *begins: put(file, *begins)

    def test_removes_every_key_whose_last_token_has_expired(
        self, run: Run, file: Path, put: Callable[..., Keys]
    ) -> None:
        over = -LIFETIME - MARGIN
        put(3600, over + 20, over, over - 1, over - 10)

        result = run("keys", "retire")

        assert result.code == 0
        # The last two were followed by keys that have signed for long enough.
        assert result.stdout == "key-3 is retired\nkey-4 is retired\n"
        assert [key["kid"] for key in keys_in(file)] == ["key-0", "key-1", "key-2"]

    def test_keeps_a_key_until_its_last_token_has_expired(
        self, run: Run, file: Path, put: Callable[..., Keys]
    ) -> None:
        put(-LIFETIME, -2 * LIFETIME)
        before = file.stat()

        result = run("keys", "retire")

        assert result.code == 0
        assert result.stdout == "nothing to do: tokens of every key may still be good\n"
        assert file.stat().st_ino == before.st_ino, "not even written anew"

    def test_refuses_a_key_whose_tokens_may_be_good(
        self, run: Run, file: Path, put: Callable[..., Keys]
    ) -> None:
        put(-LIFETIME, -2 * LIFETIME)

        result = run("keys", "retire", "key-1")

        assert result.code == 1
        assert re.fullmatch(
            rf"error: the last token that key-1 signed may be good until {MOMENT}: "
            r"wait, or give --force to have its tokens refused\n",
            result.stderr,
        )
        assert len(keys_in(file)) == 2

    def test_removes_it_by_force_with_a_warning(
        self, run: Run, file: Path, put: Callable[..., Keys]
    ) -> None:
        put(-LIFETIME, -2 * LIFETIME)

        result = run("keys", "retire", "key-1", "--force")

        assert (result.code, result.stdout) == (0, "key-1 is retired\n")
        assert re.fullmatch(
            rf"warning: the last token that key-1 signed may be good until {MOMENT}; "
            r"its tokens are refused from now on, and their bearers must refresh\n",
            result.stderr,
        )
        assert [key["kid"] for key in keys_in(file)] == ["key-0"]

    def test_goes_by_the_lifetime_that_is_set(
        self, run: Run, put: Callable[..., Keys], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(-LIFETIME, -2 * LIFETIME)
        monkeypatch.setenv("ACCESS_TOKEN_LIFETIME", str(LIFETIME - MARGIN))

        assert run("keys", "retire", "key-1").code == 0

    @pytest.mark.parametrize("force", [[], ["--force"]])
    def test_never_removes_the_key_that_signs(
        self, run: Run, file: Path, put: Callable[..., Keys], force: list[str]
    ) -> None:
        put(3600, -10_000)

        result = run("keys", "retire", "key-1", *force)

        assert result.code == 1
        assert result.stderr == (
            "error: key-1 signs: `app keys rotate` puts another in its place\n"
        )
        assert len(keys_in(file)) == 2

    def test_refuses_a_key_that_is_to_sign(
        self, run: Run, file: Path, put: Callable[..., Keys]
    ) -> None:
        put(3600, -10_000)

        result = run("keys", "retire", "key-0")

        assert result.code == 1
        assert re.match(rf"error: key-0 signs from {MOMENT} on: wait, or ", result.stderr)
        assert run("keys", "retire", "key-0", "--force").code == 0
        assert [key["kid"] for key in keys_in(file)] == ["key-1"]

    def test_refuses_a_key_of_which_nothing_is_recorded(
        self, run: Run, file: Path, put: Callable[..., Keys]
    ) -> None:
        """A set that somebody wrote by hand, as `JWT_KEYS` allows."""
        put(None, None)

        result = run("keys", "retire", "key-1")

        assert result.code == 1
        assert result.stderr.startswith("error: it is not recorded when key-1 stopped signing: ")
        assert run("keys", "retire").stdout.startswith("nothing to do")
        assert run("keys", "retire", "key-1", "--force").code == 0
        assert [key["kid"] for key in keys_in(file)] == ["key-0"]

    def test_removes_all_or_none_of_several(
        self, run: Run, file: Path, put: Callable[..., Keys]
    ) -> None:
        over = -LIFETIME - MARGIN
        put(0, over, over - 10)

        assert run("keys", "retire", "key-2", "key-1").code == 1
        assert len(keys_in(file)) == 3

    def test_of_an_unknown_key_is_a_sentence(self, run: Run, file: Path) -> None:
        result = run("keys", "retire", "nothing", "--force")

        assert result.code == 1
        assert result.stderr == "error: there is no key nothing: `app keys list` shows them\n"


class TestList:
    def test_says_what_each_key_does(self, run: Run, file: Path) -> None:
        put(file, 3600, -LIFETIME, -2 * LIFETIME, -20_000)

        result = run("keys", "list")

        assert result.code == 0
        lines = result.stdout.splitlines()
        made = rf"{ALGORITHM}  made {MOMENT}"
        for line, expected in zip(
            lines,
            [
                rf"key-0  {made}  signs from {MOMENT} on",
                rf"key-1  {made}  signs since {MOMENT} until {MOMENT}",
                rf"key-2  {made}  verifies until {MOMENT}",
                rf"key-3  {made}  can be retired since {MOMENT}",
            ],
            strict=True,
        ):
            assert re.fullmatch(expected, line), line

    def test_says_no_more_than_is_known(self, run: Run, file: Path) -> None:
        keys = put(file, None, None)
        for key in keys:
            del key["iat"]
        file.write_text(json.dumps({"keys": keys}))

        assert run("keys", "list").stdout == (
            f"key-0  {ALGORITHM}  made unknown  signs\nkey-1  {ALGORITHM}  made unknown  verifies\n"
        )

    def test_needs_no_file(self, run: Run, jwt_keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JWT_KEYS", jwt_keys)

        result = run("keys", "list")

        assert result.code == 0
        assert result.stdout.startswith(json.loads(jwt_keys)["keys"][0]["kid"])
