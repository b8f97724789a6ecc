"""Which passwords may be chosen (NIST SP 800-63B-4, section 3.1.1.2).

Length is what counts; no kind of character is asked for. Refused is what would be guessed first:
the most common passwords, and what is nothing but the name of the user or of the service. The
password as a whole is compared, not the words in it.
"""

import functools
import unicodedata
from pathlib import Path
from typing import Final

from pydantic_core import PydanticCustomError

from app import about

_COMMON: Final = Path(__file__).with_name("common_passwords.txt")

TOO_COMMON: Final = "password_too_common"
PERSONAL: Final = "password_personal"
PERSONAL_MESSAGE: Final = (
    "Is nothing but a name, with digits or punctuation: choose one that is not so easily guessed."
)


def normalised(password: str) -> str:
    """NFC, so that the same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFC", password)


def refuse_common(password: str) -> str:
    """For pydantic: the password, if it is not among those that everybody guesses."""
    if password.casefold() in _common_passwords():
        raise PydanticCustomError(
            TOO_COMMON, "Is among the passwords that are guessed first: choose another one."
        )
    return password


def refuse_personal(password: str, *, email: str, name: str) -> str:
    """For pydantic: the password, if it is not `is_personal`."""
    if is_personal(password, email=email, name=name):
        raise PydanticCustomError(PERSONAL, PERSONAL_MESSAGE)
    return password


def is_personal(password: str, *, email: str, name: str) -> bool:
    """Whether its letters are just the user's name or address, or the service's name."""
    local_part, _, _ = email.partition("@")
    words = {_letters(word) for word in (email, local_part, name, about.NAME, about.TITLE)}
    return _letters(password) in words - {""}


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, normalised(text).casefold()))


@functools.cache
def _common_passwords() -> frozenset[str]:
    """Read when the first password is chosen: a start does not wait for it."""
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
