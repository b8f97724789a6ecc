"""Queries leave no state in a session: the pool gives it to the next as it is."""

import json
import re
from pathlib import Path

import pytest

from tests.support.processes import PROJECT

# For a transaction there are SET LOCAL, set_config(…, true) and the locks named xact.
LASTING = re.compile(
    r"\b(set_config|setseed|pg_(try_)?advisory_lock\w*|dblink_connect\w*)\b", re.IGNORECASE
)


@pytest.mark.parametrize(
    "snapshot", sorted((PROJECT / "sql").glob("*.json")), ids=lambda path: path.stem
)
def test_no_query_changes_its_session(snapshot: Path) -> None:
    query = json.loads(snapshot.read_text())

    assert query["command"] in {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"}
    assert not LASTING.search("\n".join(query["sql"]))
