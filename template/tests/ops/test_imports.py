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
"""


def test_libraries_are_imported_without_what_serving_does_not_need() -> None:
    subprocess.run([sys.executable, "-c", LEAN], cwd=PROJECT, check=True)  # noqa: S603 -- ours
