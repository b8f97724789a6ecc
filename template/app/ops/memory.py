"""Has the C library give memory back."""

import ctypes
import sys
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""Its name in glibc's mallopt(3)."""
_LARGE: Final = 1024 * 1024


def return_large_blocks() -> None:
    """Let blocks over 1 MiB go back to the system as soon as they are freed.

    glibc does so until the first of them is freed; from then on it keeps what is smaller for the
    thread that had it. The threads that hash passwords would keep 19 MiB each for ever. Elsewhere
    than with glibc nothing is done.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        set_option(_M_MMAP_THRESHOLD, _LARGE)
