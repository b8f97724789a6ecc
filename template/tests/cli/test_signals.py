"""Commands that are told to stop."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from app.settings import Settings
from tests.support.processes import environment_of


def test_sigterm_ends_a_command_that_waits(tmp_path: Path, settings: Settings) -> None:
    """As the first process of a container it would be ignored without a handler of ours."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        port = silent.getsockname()[1]
        waiting = {
            "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{port}/nothing",
            "DATABASE_ACQUIRE_TIMEOUT": "60",
            "PYTHONPATH": str(Path.cwd()),
        }
        command = [sys.executable, "-m", "app", "db", "status"]
        environment = os.environ | environment_of(settings) | waiting
        with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:  # noqa: S603
            # The command has connected, and now waits for an answer that does not come.
            connection, _ = silent.accept()
            process.send_signal(signal.SIGTERM)

            assert process.wait(timeout=30) == 128 + signal.SIGTERM
            connection.close()
