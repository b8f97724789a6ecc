"""What the benchmarks have to know of a peer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks.stage.services import output_of
from slipway import environment, find_uv


@dataclass(frozen=True, slots=True)
class Prepared:
    """How a peer is started, with one worker. The port it listens on is added to the command."""

    command: Sequence[str | Path]
    folder: Path
    settings: Mapping[str, str]
    beside: Sequence[str | Path] = ()
    """What has to run as long as it does: a server it can't do without."""


class Peer(ABC):
    """A template of others, as it ships."""

    ready: ClassVar[str]
    """A path that is answered 200 once it serves."""
    me: ClassVar[str]
    """The path of the user who is signed in."""

    def __init__(self, source: Path) -> None:
        """``source`` is a copy of its repository, which stays as it is."""
        self.source = source

    @abstractmethod
    def prepare(self, scratch: Path, database_url: str) -> Prepared:
        """Install it, below ``scratch``, and make its tables in an empty database, unless it makes
        them as it starts.
        """

    @abstractmethod
    def sign_in(self, url: str) -> str:
        """Log somebody in, and return their access token."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a database's address, for settings that have one for each."""

    user: str
    name: str
    socket: str

    @classmethod
    def of(cls, database_url: str) -> "Address":
        parts = urlsplit(database_url)
        return cls(parts.username or "", parts.path.strip("/"), parse_qs(parts.query)["host"][0])

    @property
    def name_through_socket(self) -> str:
        """A name that leads through the socket where an URL is made of it without a second look: of
        two hosts, the one that comes later counts.
        """
        return f"{self.name}?{urlencode({'host': self.socket})}"


def install(project: Path, scratch: Path, *options: str) -> Path:
    """Install a project as its lock file says, without what only development needs, for the Python
    that the service has, too. Returns the folder of its programs.
    """
    home = scratch / "venv"
    sync = (find_uv(), "sync", "--frozen", "--no-dev", "--quiet", *options)
    output_of(sync, project, environment() | {"UV_PROJECT_ENVIRONMENT": str(home)})
    return home / "bin"
