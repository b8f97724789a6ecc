"""Templates of others, run from their own sources: how each is installed, started and asked.

Nothing of theirs is in this repository. Whoever compares has a copy of the sources and says where:
``python -m benchmarks --peer NAME=PATH``.
"""

from collections.abc import Mapping
from typing import Final

from benchmarks.peers.adapter import Peer
from benchmarks.peers.full_stack_fastapi_template import FullStackFastapiTemplate

PEERS: Final[Mapping[str, type[Peer]]] = {"full-stack-fastapi-template": FullStackFastapiTemplate}
