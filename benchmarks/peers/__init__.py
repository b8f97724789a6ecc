"""Templates of others, run from their own sources: how each is installed, started and asked.

Nothing of theirs is in this repository. Whoever compares has a copy of the sources and says where:
``python -m benchmarks --peer NAME=PATH``.
"""

from collections.abc import Mapping
from typing import Final

from benchmarks.peers.adapter import Peer
from benchmarks.peers.benavlabs_fastapi_boilerplate import BenavlabsFastapiBoilerplate
from benchmarks.peers.full_stack_fastapi_template import FullStackFastapiTemplate
from benchmarks.peers.s3rius_fastapi_template import S3riusFastapiTemplate

PEERS: Final[Mapping[str, type[Peer]]] = {
    "full-stack-fastapi-template": FullStackFastapiTemplate,
    "s3rius-fastapi-template": S3riusFastapiTemplate,
    "benavlabs-fastapi-boilerplate": BenavlabsFastapiBoilerplate,
}
