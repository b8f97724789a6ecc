"""The start imports what serving needs, and the rest is there for whoever wants it."""

import subprocess
import sys

from tests.support.processes import PROJECT

LEAN = """
import os
import sys
import app.cli
from app.cli import serving
from app.cli.failure import Failure

assert not sys.modules.keys() & {"fastapi", "structlog"}
os.environ["DATABASE_URL"] = "nowhere"  # so that it goes no further than the imports
try:
    serving.serve()
except Failure:
    pass

from fastapi.openapi.models import PathItem
assert not PathItem.__pydantic_complete__
assert PathItem.model_validate({"summary": "built now"}).summary == "built now"

assert "app.main" in sys.modules
assert "pydantic.v1" not in sys.modules
from pydantic.v1 import BaseModel

from app.problems import ProblemDetails
assert ProblemDetails.__pydantic_complete__

assert not [name for name in sys.modules if name.partition(".")[0] == "rich"]
import rich

import uvicorn.config
from app.http import protocol
http = protocol.with_head_timeout(1)
uvicorn.config.Config("app.main:create_app", http=http, lifespan="off", log_config=None).load()
assert not sys.modules.keys() & {"click", "uvicorn.main"}
from uvicorn import Config, Server, run
assert (Config, Server) == (uvicorn.config.Config, uvicorn.server.Server)
assert "click" in sys.modules

assert "cryptography.x509.base" not in sys.modules
if "cryptography" in sys.modules:
    from cryptography import x509
    assert x509.Name([]).rfc4514_string() == ""
"""


def test_libraries_are_imported_without_what_serving_does_not_need() -> None:
    subprocess.run([sys.executable, "-c", LEAN], cwd=PROJECT, check=True)  # noqa: S603 -- ours
