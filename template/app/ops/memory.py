"""Keeps no more memory than is used, and the garbage collector out of the way."""

import ctypes
import gc
import sys
from typing import Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of mallopt(3)."""
_ALLOCATIONS: Final = 20_000
"""Objects, more made than freed, after which the collector looks at the newest: some MiB."""


def share_between_threads() -> None:
    """Let all threads have their memory from one place; called before there are any.

    Else glibc keeps for each thread what it has freed: 19 MiB for each that hashes passwords. They
    are few, and rarely wait for one another.
    """
    _glibc("mallopt", _ARENA_MAX, 1)


def grow() -> None:
    """Keep the garbage collector off what the start makes, until `settle`: next to nothing of it is
    garbage, and to find that out, over and over, takes a seventh of the start.
    """
    gc.disable()


def settle() -> None:
    """Let the garbage collector pass by what the start has made, which stays until the end, and
    look less often for what requests leave: it stops all of them meanwhile. For when all is ready.
    """
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *gc.get_threshold()[1:])
    gc.enable()


def return_unused() -> None:
    """Return to the system what was freed and is kept for the next use (malloc_trim(3))."""
    _glibc("malloc_trim", 0)


def _glibc(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function:
        function(*arguments)
