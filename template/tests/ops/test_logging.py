"""What log lines look like; in a process of their own, since logging belongs to the process."""

import json
import subprocess
import sys

import pytest

from tests.support.processes import PROJECT

PROGRAM = """
import logging, sys
import structlog
from app.ops.logging import configure

configure(sys.argv[1], sys.argv[2])
ours = structlog.get_logger("app.ours")
ours.debug("hidden")
ours.info("hello", number=1)
logging.getLogger("theirs").info("hello %s", "world", extra={"color_message": "coloured"})

def fail(password):
    try:
        1 / 0
    except ZeroDivisionError:
        ours.exception("ours failed")
        logging.getLogger("theirs").exception("theirs failed")

with structlog.contextvars.bound_contextvars(request_id="the-one"):
    fail("hunter2")
"""


def printed(level: str, log_format: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", PROGRAM, level, log_format],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_json_is_one_object_a_line() -> None:
    first, second, *failed = [json.loads(line) for line in printed("info", "json")]

    timestamp = first.pop("timestamp")
    assert timestamp.endswith("Z")
    assert first == {"level": "info", "logger": "app.ours", "message": "hello", "number": 1}
    del second["timestamp"]
    assert second == {"level": "info", "logger": "theirs", "message": "hello world"}
    assert [record["message"] for record in failed] == ["ours failed", "theirs failed"]
    for record in failed:
        assert record["level"] == "error"
        assert record["request_id"] == "the-one"
        assert record["exception"].startswith("Traceback (most recent call last):\n")
        assert record["exception"].endswith("\nZeroDivisionError: division by zero")


def test_console_is_for_people() -> None:
    lines = printed("info", "console")

    assert [part for part in lines[0].split(" ") if part][1:] == [
        "[info",
        "]",
        "hello",
        "[app.ours]",
        "number=1",
    ]
    assert lines[1].split()[-3:] == ["hello", "world", "[theirs]"]
    assert lines.count("Traceback (most recent call last):") == 2
    assert "\x1b" not in "".join(lines), "no colours where it is no terminal"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_local_variable_is_shown(log_format: str) -> None:
    assert "hunter2" not in "".join(printed("info", log_format))


@pytest.mark.parametrize(("level", "count"), [("debug", 5), ("info", 4), ("error", 2)])
def test_the_level_counts(level: str, count: int) -> None:
    assert len(printed(level, "json")) == count
