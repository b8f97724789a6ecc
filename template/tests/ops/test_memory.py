"""What passwords were hashed in goes back to the system once there are no more, and garbage too."""

import platform
import subprocess
import sys

import pytest

from tests.support.processes import PROJECT

PROGRAM = """
import asyncio
from app.auth import passwords
from app.ops import memory

MEBIBYTE = 1024

def resident():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmRSS:")]
    return int(line.split()[1])

async def main():
    memory.share_between_threads()
    before = resident()
    options = passwords.PasswordOptions(
        time_cost=1, memory_kib=19 * MEBIBYTE, parallelism=1, threads=2, queue=20
    )
    hashing = passwords.Passwords(options)
    await asyncio.gather(*(hashing.hash("password") for _ in range(20)))
    await hashing.hash("another")
    async with asyncio.timeout(60):
        while resident() > before + 10 * MEBIBYTE:
            await asyncio.sleep(0.05)
    hashing.close()

asyncio.run(main())
"""

GARBAGE = """
import gc
from app.ops import memory

memory.grow()
assert not gc.isenabled()

memory.settle()
assert gc.isenabled()
assert gc.get_freeze_count() > 0
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is asked to")
def test_hashing_leaves_no_memory_with_its_threads() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=PROJECT, check=True)  # noqa: S603 -- ours


def test_garbage_is_collected_once_the_service_has_started() -> None:
    subprocess.run([sys.executable, "-c", GARBAGE], check=True)  # noqa: S603 -- ours
