"""What the service's image adds to its base."""

import os
import shutil
import subprocess
from typing import Final

from benchmarks.results.report import Section
from benchmarks.stage.contenders import Stage
from scripts.image_size import MEGABYTE, added, files_of
from slipway import say

TAG: Final = "slipway-benchmark"


def measure(stage: Stage) -> Section:
    """Build the image, where there is Docker, and add up its files."""
    title, columns = "The image", ("", "MB")
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "version"], capture_output=True).returncode:
        return Section(title, columns, [], None, notes=["Not measured: no Docker answers."])
    say("Building an image; this takes longer the first time ...")
    build = [docker, "build", "--quiet", "--tag", TAG, "."]
    # The builder that can mount a cache, also where an older one is the default.
    surroundings = os.environ | {"DOCKER_BUILDKIT": "1"}
    built = subprocess.run(
        build, cwd=stage.service.folder, env=surroundings, capture_output=True, text=True
    )
    if built.returncode:
        reason = (built.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return Section(title, columns, [], None, notes=[f"Not measured, no build: {reason}"])
    try:
        size = sum(added(files_of(TAG)).values()) / MEGABYTE
    finally:
        subprocess.run([docker, "image", "rm", TAG], capture_output=True, check=True)
    return Section(title, columns, [["added to its base", f"{size:.1f}"]], {"MB": size})
