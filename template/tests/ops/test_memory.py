"""What passwords were hashed in goes back to the system."""

import platform
import subprocess
import sys

import pytest

from tests.support.processes import PROJECT

PROGRAM = """
import argon2
from concurrent.futures import ThreadPoolExecutor
from app.ops.memory import return_large_blocks

def resident():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmRSS:")]
    return int(line.split()[1])

return_large_blocks()
hasher = argon2.PasswordHasher(time_cost=1, memory_cost=19 * 1024, parallelism=1)
with ThreadPoolExecutor(2) as threads:
    list(threads.map(hasher.hash, ["warm"] * 2))
    before = resident()
    list(threads.map(hasher.hash, ["password"] * 20))
    print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone is it asked")
def test_hashing_leaves_no_memory_with_its_threads() -> None:
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 19 * 1024
