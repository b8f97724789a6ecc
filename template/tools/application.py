"""The application as ``app dev`` runs it; made anew in each of the reloader's processes."""

from typing import Final

from fastapi import FastAPI

from app import settings
from app.main import create_app
from app.ops import logging

_DEFAULTS: Final = {"log_format": "console", "api_docs": True, "metrics_port": 0}
"""What is handier here than in production, unless somebody has set it."""


def create() -> FastAPI:
    """Make the application."""
    found = settings.load()
    unset = {name: value for name, value in _DEFAULTS.items() if name not in found.model_fields_set}
    found = found.model_copy(update=unset)
    logging.configure(found.log_level, found.log_format)
    app = create_app(found)
    app.state.metrics.serve(found.metrics_host or "127.0.0.1", found.metrics_port)
    return app
