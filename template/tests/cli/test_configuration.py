"""`app config` and `app openapi`."""

import json
from pathlib import Path

import pytest

from app import about
from app.ratelimit import STAND_INS
from app.settings import Settings
from tests.support.workspace import Run
from tools.databases import TestDatabase


def test_config_shows_every_setting(configured: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "warning")

    result = configured("config")

    assert result.code == 0
    shown = dict(line.split("=", 1) for line in result.stdout.splitlines())
    assert shown.keys() == {name.upper() for name in Settings.model_fields}
    assert shown["LOG_LEVEL"] == "warning"
    assert shown["MAX_BODY_BYTES"] == "1048576"


def test_config_masks_secrets(
    configured: Run, database: TestDatabase, jwt_keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "a password that nobody may see")

    lines = configured("config").stdout.splitlines()

    for name in ("DATABASE_URL", "DATABASE_PASSWORD", "JWT_KEYS"):
        assert f"{name}=********" in lines
    assert not any("nobody may see" in line or database.name in line for line in lines)


def test_config_shows_that_a_secret_is_not_set(configured: Run) -> None:
    assert "DATABASE_PASSWORD=" in configured("config").stdout.splitlines()


def test_config_reports_every_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in STAND_INS.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("DATABASE_URL", "nowhere")
    monkeypatch.setenv("LOG_FORMAT", "xml")

    result = run("config")

    assert result.code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: The settings don't hold:\n  DATABASE_URL: must begin")
    assert "\n  JWT_KEYS: is missing." in result.stderr
    assert "\n  LOG_FORMAT: Input should be 'json' or 'console'" in result.stderr


def test_openapi_needs_no_settings(run: Run, workspace: Path) -> None:
    result = run("openapi")

    assert result.code == 0
    described = json.loads(result.stdout)
    assert described["info"]["title"] == about.TITLE
    assert "/api/v1/auth/login" in described["paths"]
    assert not (workspace / "secrets").exists(), "it makes nothing"
