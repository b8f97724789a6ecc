"""Makes template/app/auth/common_passwords.txt anew:

    uv run --with django==5.2.19 --with zxcvbn==4.5.0 python -m scripts.common_passwords

Of the lists that these two packages carry, it takes the passwords that the service's rule of length
would let through. Nothing of the packages is imported by a service.
"""

import gzip
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from typing import Final

from slipway import ROOT, say

FILE: Final = ROOT / "template" / "app" / "auth" / "common_passwords.txt"
MIN_LENGTH: Final = 12
HEADER: Final = """\
# The most common passwords of 12 characters and more, in lower case: what is guessed first.
#
# From the lists of zxcvbn {zxcvbn} (MIT licence), which are the most frequent of the ten million
# passwords that Mark Burnett gave to the public domain in 2015, and from that of Django {django}
# (BSD licence), which Royce Williams compiled.
"""


def main() -> None:
    """Select, and write."""
    passwords = sorted({password.casefold() for password in listed() if is_usable(password)})
    header = HEADER.format(zxcvbn=version("zxcvbn"), django=version("django"))
    FILE.write_text(header + "\n".join(passwords) + "\n")
    say(f"wrote {len(passwords)} passwords")


def listed() -> list[str]:
    """Every password of the two lists."""
    frequent: list[str] = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS["passwords"]
    packed = files("django.contrib.auth").joinpath("common-passwords.txt.gz").read_bytes()
    return [*frequent, *gzip.decompress(packed).decode().splitlines()]


def is_usable(password: str) -> bool:
    """Long enough, and no wreck of a former conversion: wrong encodings, entities, CSV's quotes.

    A ``#`` would make it a comment.
    """
    wrecked = not password.isascii() or any(mark in password for mark in ('"', "#", "??"))
    return len(password) >= MIN_LENGTH and not wrecked


if __name__ == "__main__":
    main()
