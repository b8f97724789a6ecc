"""What the benchmarks have to know of a peer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Prepared:
    """How a peer is started, with one worker. The port it listens on is added to the command."""

    command: Sequence[str | Path]
    folder: Path
    settings: Mapping[str, str]


class Peer(ABC):
    """A template of others, as it ships."""

    ready: ClassVar[str]
    """A path that is answered 200 once it serves."""
    me: ClassVar[str]
    """The path of the user who is signed in."""

    def __init__(self, source: Path) -> None:
        """``source`` is a copy of its repository."""
        self.source = source

    @abstractmethod
    def prepare(self, scratch: Path, database_url: str) -> Prepared:
        """Install it, below ``scratch``, and make its tables in an empty database."""

    @abstractmethod
    def sign_in(self, url: str) -> str:
        """Log somebody in, and return their access token."""
