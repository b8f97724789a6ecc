"""Entity tags (RFC 9110, sections 8.8.3 and 13.1)."""

import hashlib


def etag(*parts: object) -> str:
    """A strong entity tag for a representation that ``parts`` determine."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def etag_matches(header: str, current: str, *, weak: bool = False) -> bool:
    """Whether ``If-Match`` or ``If-None-Match`` lists the current tag, or is ``*``.

    ``If-Match`` compares strongly: a tag marked ``W/`` never matches. ``If-None-Match`` is weak.
    """
    listed = {tag.strip() for tag in header.split(",")}
    if weak:
        listed = {tag.removeprefix("W/") for tag in listed}
    return current in listed or "*" in listed
