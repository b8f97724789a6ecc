"""Says what an image adds to its base, and the largest parts: python -m scripts.image_size IMAGE"""

import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from slipway import say

SERVICE: Final = "srv/"
"""The folder that holds all that an image adds."""

LARGEST: Final = 10
MEGABYTE: Final = 1_000_000


def main() -> None:
    """Measure the image that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    files = added(files_of(sys.argv[1]))
    say(f"{sum(files.values()) / MEGABYTE:5.1f} MB in all")
    for part, size in contributors(files).most_common(LARGEST):
        say(f"{size / MEGABYTE:5.1f} MB {part}")


def files_of(image: str) -> dict[str, int]:
    """All files of an image as a container sees them, with their sizes in bytes."""
    container = subprocess.check_output(["docker", "create", image], text=True).strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            assert export.stdout is not None  # noqa: S101 - it is a pipe
            with tarfile.open(fileobj=export.stdout, mode="r|") as archive:
                return {member.name: member.size for member in archive if not member.isdir()}
    finally:
        subprocess.check_output(["docker", "rm", container])


def added(files: Mapping[str, int]) -> dict[str, int]:
    """Those of the service, below its folder."""
    return {
        path.removeprefix(SERVICE): size for path, size in files.items() if path.startswith(SERVICE)
    }


def contributors(files: Mapping[str, int]) -> Counter[str]:
    """Bytes by package, and by each of the service's own folders."""
    sizes: Counter[str] = Counter()
    for path, size in files.items():
        parts = PurePosixPath(path).parts
        sizes[parts[1] if parts[0] == "packages" else parts[0]] += size
    return sizes


if __name__ == "__main__":
    main()
