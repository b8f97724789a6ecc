"""The key set: which keys it takes, which one signs, and what it never shows."""

import json
import time
from collections.abc import Iterable
from typing import Any

import pytest

from app.auth.keys import KeySet, add_key, generate_key_set, remove_keys


def generated() -> dict[str, Any]:
    """A new key, as it stands in a key set."""
    [key] = json.loads(generate_key_set())["keys"]
    return dict(key)


def key_set(*keys: Any) -> str:
    return json.dumps({"keys": keys})


def refusal(text: str) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        KeySet.parse(text)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_generated_key_is_taken() -> None:
    key = generated()

    assert KeySet.parse(key_set(key)).signing.kid == key["kid"]


def test_no_two_generated_keys_are_alike() -> None:
    assert generated() != generated()


def test_the_first_key_signs_and_all_verify() -> None:
    new, old = generated(), generated()

    keys = KeySet.parse(key_set(new, old))

    assert keys.signing is keys.get(new["kid"])
    retired = keys.get(old["kid"])
    assert retired
    assert retired is not keys.signing


def with_times(times: Iterable[int | None]) -> KeySet:
    """Keys named 0, 1, … that begin to sign at these times."""
    key = generated()
    keys = [key | {"kid": str(place), "nbf": begin} for place, begin in enumerate(times)]
    return KeySet.parse(key_set(*keys))


@pytest.mark.parametrize(
    ("now", "times", "signs"),
    [
        (0, [None, None], 0),
        (99, [100, None], 1),
        (100, [100, None], 0),
        (99, [100, 50], 1),
        (49, [100, 50], 1),  # clocks differ: the oldest one, which everybody has
        (99, [200, 100, 50], 2),
        (199, [200, 100, 50], 1),
        (200, [200, 100, 50], 0),
        (100, [100, 200, 50], 0),  # the second one was overtaken
        (200, [100, 200, 50], 0),
    ],
)
def test_the_first_key_that_has_begun_to_sign_signs(
    now: int, times: list[int | None], signs: int
) -> None:
    assert with_times(times).signing_at(now).kid == str(signs)


@pytest.mark.parametrize(
    ("times", "ends"),
    [
        ([None], [None]),
        ([None, None], [None, 0]),
        ([100, None], [None, 100]),
        ([300, 200, 100], [None, 300, 200]),
        ([200, 300, 100], [None, 200, 200]),
        ([None, 300, 100], [None, 0, 0]),
    ],
)
def test_a_key_signs_until_one_before_it_begins(
    times: list[int | None], ends: list[int | None]
) -> None:
    assert [term.ends_at for term in with_times(times).terms] == ends


def test_a_generated_key_says_when_it_was_made_and_signs_at_once() -> None:
    before = int(time.time())

    [term] = KeySet.parse(generate_key_set()).terms

    assert term.created_at == term.begins_at
    assert before <= term.begins_at <= time.time()


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("value", ["tomorrow", 1.5, -1, True, [], 1_800_000_000_000])
def test_a_time_that_is_none_is_refused(name: str, value: Any) -> None:
    message = refusal(key_set(generated() | {"kid": "one", name: value}))

    assert message == f'key "one" has an "{name}" that is no time in whole seconds'


def test_a_set_that_is_replaced_is_another_for_who_holds_it() -> None:
    held, other = KeySet.parse(generate_key_set()), KeySet.parse(generate_key_set())
    old, new = held.signing, other.signing

    held.replace(other)

    assert held.signing is new
    assert held.get(old.kid) is None


def test_members_that_mean_nothing_here_are_kept() -> None:
    """RFC 7517, sections 4 and 5: others may have put them there."""
    kept = generated() | {"owner": "Ada"}
    text = json.dumps({"keys": [kept, generated() | {"kid": "gone"}], "team": "accounts"})

    changed = json.loads(remove_keys(add_key(text, generated()), ["gone"]))

    assert changed["team"] == "accounts"
    assert changed["keys"][1:] == [kept]


def test_an_unknown_key_is_none() -> None:
    assert KeySet.parse(generate_key_set()).get("unknown") is None


@pytest.mark.parametrize(
    "text",
    ["", "secret", "[]", "{}", "null", "1", '"secret"', '{"keys": null}', '{"keys": {}}'],
)
def test_what_is_no_key_set_is_refused(text: str) -> None:
    message = refusal(text)

    assert message.startswith("is no JWK Set")
    assert message.endswith("`app init` makes a good one.")


def test_an_empty_set_is_refused() -> None:
    assert refusal(key_set()) == "holds no key. `app init` makes a good one."


@pytest.mark.parametrize("key", [None, "secret", 1, []])
def test_a_key_that_is_no_object_is_refused(key: Any) -> None:
    assert '"keys" must be a list of objects' in refusal(key_set(key))


@pytest.mark.parametrize("kid", [None, "", 1])
def test_a_key_without_a_name_is_refused(kid: Any) -> None:
    assert refusal(key_set(generated() | {"kid": kid})) == 'holds a key with no "kid"'


def test_two_keys_of_the_same_name_are_refused() -> None:
    keys = [generated() | {"kid": "one"}, generated() | {"kid": "one"}]

    assert refusal(key_set(*keys)) == 'holds two keys with the kid "one"'


@pytest.mark.parametrize("change", [{"kty": "EC"}, {"alg": "none"}, {"alg": "ES256"}])
def test_a_key_of_another_kind_is_refused(change: dict[str, str]) -> None:
    key = generated() | {"kid": "one"} | change

    assert refusal(key_set(key)).startswith('key "one" is not for ')


def test_one_bad_key_is_enough() -> None:
    assert refusal(key_set(generated(), generated() | {"kty": "EC"}))


def test_no_error_quotes_a_key() -> None:
    good = generated()
    private = [str(value) for name, value in good.items() if name not in PUBLIC]
    messages = [
        refusal(key_set(good)[:-1]),
        refusal(key_set(good, good)),
        refusal(key_set(good | {"kid": ""})),
        refusal(key_set(good | {"kty": "EC"})),
        refusal(key_set(list(good.values()))),
    ]

    assert private
    assert not [secret for secret in private for message in messages if secret in message]


def test_a_key_shows_no_secret() -> None:
    key = generated()
    shown = repr(KeySet.parse(key_set(key)).signing)

    assert key["kid"] in shown
    assert not [name for name, value in key.items() if name not in PUBLIC and str(value) in shown]


PUBLIC = {"kty", "kid", "alg", "use", "n", "e"}
"""The members of a JWK that everybody may know (RFC 7517; RFC 7518, section 6)."""
