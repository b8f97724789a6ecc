"""Compose, with a real engine: a service's containers started, looked into, stopped, removed.

One test a variant, since building and starting take most of the time: each follows a service's
containers through their life. What an image holds is in test_images.py.
"""

import http.client
import json
import re
import secrets
import subprocess
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from slipway import ROOT
from tests.conftest import Render
from tests.containers import Project, project_in, wait_until
from tests.variants import VARIANTS, Variant, with_check

pytestmark = pytest.mark.docker

ACCOUNT = {"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"}
ROLES = """
    SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolpassword IS NULL
    FROM pg_authid WHERE rolcanlogin ORDER BY rolsuper
"""
PSQL = ("psql", "--username=postgres", "--quiet", "--csv", "--tuples-only", "my_service")
CALLERS = 10
CREDENTIALS = {name: ACCOUNT[name] for name in ("email", "password")}


@pytest.fixture(params=with_check("image"), ids=lambda variant: variant.name)
def variant(request: pytest.FixtureRequest) -> Variant:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def project(variant: Variant, render: Render, uv: str) -> Iterator[Project]:
    """The variant, rendered and locked. Whatever its containers leave is removed."""
    with project_in(render(variant.answers), uv) as project:
        yield project


def test_a_services_containers(project: Project, variant: Variant) -> None:
    project.app("init")
    with (project.folder / ".env").open("a") as environment:
        environment.write("REFRESH_GRACE=7\n")

    project.compose("up", "--build", "--wait", "--detach")

    somebody_registers_and_logs_in(project)
    settings_in_the_environment_file_hold(project)
    nobody_has_privileges(project)
    nobody_takes_all_there_is(project)
    the_service_alone_is_published(project)
    metrics_are_for_the_internal_network(project)
    the_service_rules_one_database(project)
    if variant.answers["rate_limit_store"] == "valkey":
        attempts_are_counted_in_valkey(project)
    no_secret_is_shown(project)
    the_service_runs_as_anybody(project)
    the_signing_key_is_rotated(project)
    if variant.answers["rate_limit_store"] == "valkey":
        the_service_does_without_valkey(project)
    a_stop_drops_nothing(project)
    a_stop_says_what_it_has_cut(project)
    data_outlive_their_containers(project)
    nothing_is_left(project)


def test_without_secrets_compose_says_what_to_do(render: Render, uv: str) -> None:
    with project_in(render({}), uv) as project:
        says_what_to_do(project)

        # As many do first; the file tells of settings alone.
        example = project.folder / ".env.example"
        example.rename(project.folder / ".env")
        says_what_to_do(project)


def says_what_to_do(project: Project) -> None:
    refused = project.run("docker", "compose", "up", "--detach", check=False)

    assert refused.returncode != 0
    assert len(refused.stdout.splitlines()) == 1
    assert "run `uv run app init` first, which makes the secrets" in refused.stdout


def test_a_lost_secret_is_named_before_anything_starts(render: Render, uv: str) -> None:
    with project_in(render({}), uv) as project:
        project.app("init")
        lost = project.folder / "secrets" / "database_password"
        lost.unlink()

        refused = project.run("docker", "compose", "up", "--no-build", "database", check=False)

        assert refused.returncode != 0
        assert refused.stdout.strip().endswith(f"bind source path does not exist: {lost}")
        advice = "When Docker says `bind source path does not exist"
        assert advice in (project.folder / "README.md").read_text()
        assert project.app("init") == "made secrets/database_password\n"


def test_in_development_a_change_is_loaded_when_it_is_saved(render: Render, uv: str) -> None:
    files = ("--file", "compose.yaml", "--file", "compose.dev.yaml")
    with project_in(render(VARIANTS[0].answers), uv) as project:
        project.app("init")
        assert "reload" not in project.compose("config"), "nobody has asked for development"
        project.compose(*files, "up", "--build", "--wait", "--detach")
        about = project.folder / "app" / "about.py"

        about.write_text(about.read_text().replace('"My Service"', '"Changed"'))

        with httpx.Client(base_url=project.url) as client:
            wait_until(lambda: '"title":"Changed"' in get(client, "/openapi.json"))


def test_backups_are_made_and_restored_as_the_page_says(render: Render, uv: str) -> None:
    page = (ROOT / "docs" / "backup-and-restore.md").read_text()
    blocks = re.findall(r"\n\n((?:    .*\n)+)", page)
    backup, contents, restore, stop, new_password = map(textwrap.dedent, blocks)
    with project_in(render({}), uv) as project:
        project.app("init")
        project.compose("up", "--build", "--wait", "--detach")
        somebody_registers_and_logs_in(project)
        somebody_becomes_administrator(project)

        project.carry_out(backup)
        assert "TABLE DATA public users" in project.carry_out(contents)

        project.compose("down", "--volumes")
        project.carry_out(restore)
        somebody_logs_in(project)

        project.carry_out(stop + restore)
        somebody_logs_in(project)

        project.carry_out(new_password)
        somebody_logs_in(project)


def somebody_becomes_administrator(project: Project) -> None:
    page = (ROOT / "docs" / "going-to-production.md").read_text()
    (command,) = re.findall(r"`(docker compose run .*) EMAIL`", page)

    assert "ada@example.com" in project.carry_out(f"{command} {ACCOUNT['email']}")


def get(client: httpx.Client, path: str) -> str:
    """What is there; nothing while the service is between two lives."""
    try:
        return client.get(path).text
    except httpx.TransportError:
        return ""


def somebody_registers_and_logs_in(project: Project) -> None:
    with httpx.Client(base_url=project.url) as client:
        assert client.get("/health").json()["status"] == "ok"
        assert client.post("/api/v1/auth/register", json=ACCOUNT).status_code == 201
        tokens = client.post("/api/v1/auth/login", json=CREDENTIALS).json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        me = client.get("/api/v1/users/me", headers=bearer)
        assert me.json()["email"] == ACCOUNT["email"]


def settings_in_the_environment_file_hold(project: Project) -> None:
    assert "REFRESH_GRACE=7\n" in project.in_service("-m", "app", "config")


def nobody_has_privileges(project: Project) -> None:
    for service in project.services():
        container = project.inspect(service)
        host = container["HostConfig"]
        assert container["Config"]["User"].partition(":")[0] not in ("", "0", "root")
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert not host["Privileged"]
        if container["State"]["Running"]:
            assert container["State"]["Health"]["Status"] == "healthy"
            process = Path(f"/proc/{container['State']['Pid']}/status").read_text()
            assert "CapEff:\t0000000000000000" in process
            assert "NoNewPrivs:\t1" in process


def nobody_takes_all_there_is(project: Project) -> None:
    for service in project.services():
        container = project.inspect(service)
        host = container["HostConfig"]
        assert 0 < host["Memory"] <= 1024**3
        assert 0 < host["PidsLimit"] <= 300
        assert host["LogConfig"]["Type"] == "json-file"
        assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
        job = service == "migrate"
        assert host["RestartPolicy"]["Name"] == ("no" if job else "unless-stopped")
        assert container["State"]["ExitCode"] == 0


def the_service_alone_is_published(project: Project) -> None:
    for service in project.services():
        published = {
            port: [(binding["HostIp"], binding["HostPort"]) for binding in bindings]
            for port, bindings in project.inspect(service)["NetworkSettings"]["Ports"].items()
            if bindings
        }
        ours = {"8000/tcp": [("127.0.0.1", str(project.port))]}
        assert published == (ours if service == "app" else {})
    networks = project.run("docker", "network", "inspect", f"{project.name}_backend").stdout
    assert json.loads(networks)[0]["Internal"]


def metrics_are_for_the_internal_network(project: Project) -> None:
    command = (
        "import urllib.request as r; print(r.urlopen('http://app:9464/metrics').read().decode())"
    )

    inside = project.compose(
        *("run", "--rm", "--no-deps", "--entrypoint", project.python, "migrate", "-c", command)
    )

    assert "http_server_request_duration_seconds" in inside
    with httpx.Client(base_url=project.url) as client:
        assert client.get("/metrics").status_code == 404


def the_service_rules_one_database(project: Project) -> None:
    role = project.compose(
        *("exec", "-T", "database", "psql", "--username=postgres", "--tuples-only", "--csv"),
        *("--command", ROLES),
    )

    ours, superuser = role.splitlines()
    assert ours.partition(",")[2] == "f,f,f,f"
    assert superuser == "postgres,t,t,t,t"


def no_secret_is_shown(project: Project) -> None:
    shown = [project.compose("config"), project.compose("logs")]
    for service in project.services():
        shown.append(json.dumps(project.inspect(service)))
        if service != "migrate":
            shown.append(project.compose("top", service))
            shown.append(project.environment_of(service))
    assert any("PYTHONPATH=" in text for text in shown)

    for secret in project.secrets():
        for text in shown:
            assert secret not in text


def the_service_runs_as_anybody(project: Project) -> None:
    """With a read-only file system, no capability, and a user that nobody has heard of."""
    variables = [
        *(line for line in project.inspect("app")["Config"]["Env"] if "_URL=" in line),
        *(f"{path.name.upper()}={path.read_text()}" for path in project.secret_files()),
    ]
    container = project.run(
        *("docker", "run", "--detach", "--user", "12345:54321", "--read-only", "--cap-drop", "ALL"),
        *("--network", f"{project.name}_backend"),
        *(f"--env={variable}" for variable in variables),
        project.image,
    ).stdout.strip()
    try:
        health = ("docker", "inspect", "--format", "{{.State.Health.Status}}", container)
        wait_until(lambda: project.run(*health).stdout == "healthy\n")
        assert project.run("docker", "stop", container).returncode == 0
        exit_code = ("docker", "inspect", "--format", "{{.State.ExitCode}}", container)
        assert project.run(*exit_code).stdout == "0\n"
    finally:
        project.run("docker", "rm", "--force", container)


def the_signing_key_is_rotated(project: Project) -> None:
    before = project.in_service("-m", "app", "keys", "list").splitlines()

    project.app("keys", "rotate")
    listed = project.in_service("-m", "app", "keys", "list").splitlines()
    assert listed == before, "the container has the old file"
    project.compose("restart", "app")
    project.compose("up", "--wait", "--detach")

    new, old = project.in_service("-m", "app", "keys", "list").splitlines()
    assert "  signs from " in new
    assert "  signs since " in old
    assert old.startswith(before[0].split(" ")[0])


def attempts_are_counted_in_valkey(project: Project) -> None:
    run = ("exec", "-T", "valkey")
    password = 'REDISCLI_AUTH="$(cat /run/secrets/valkey_password)"'
    keys = project.compose(*run, "sh", "-c", f"{password} valkey-cli --scan")

    assert "/login/account/" in keys
    assert ACCOUNT["email"] not in keys
    assert "NOAUTH" in project.compose(*run, "valkey-cli", "--scan", check=False)
    kept = [mount for mount in project.inspect("valkey")["Mounts"] if mount["Type"] == "volume"]
    assert kept == []


def the_service_does_without_valkey(project: Project) -> None:
    project.compose("kill", "valkey")

    with httpx.Client(base_url=project.url) as client:
        assert client.post("/api/v1/auth/login", json=CREDENTIALS).status_code == 200
        assert client.get("/health").status_code == 200
    assert "rate_limit_store_unavailable" in project.compose("logs", "app")


def a_stop_drops_nothing(project: Project) -> None:
    """Neither of connections that are kept busy, nor of what takes its time."""
    with ThreadPoolExecutor(CALLERS + 2) as pool:
        all_call = threading.Barrier(CALLERS + 1, timeout=60)
        callers = [
            pool.submit(call_until_told_to_stop, project.port, all_call) for _ in range(CALLERS)
        ]
        with users_locked(project):
            registration = pool.submit(register_somebody_else, project)
            wait_until(lambda: somebody_waits(project))
            all_call.wait()
            stop = pool.submit(project.compose, "stop", "app")
            wait_until(lambda: "Shutting down" in project.compose("logs", "app"))
        stop.result()

    assert registration.result().status_code == 201
    assert project.inspect("app")["State"]["ExitCode"] == 0
    log = project.compose("logs", "app")
    assert log.count('"path": "/livez"') == sum(caller.result() for caller in callers)


def a_stop_says_what_it_has_cut(project: Project) -> None:
    with (project.folder / ".env").open("a") as environment:
        environment.write("SHUTDOWN_TIMEOUT=1\n")
    project.compose("up", "--wait", "--detach")

    with ThreadPoolExecutor() as pool, users_locked(project):
        registration = pool.submit(register_somebody_else, project)
        wait_until(lambda: somebody_waits(project))
        project.compose("stop", "app")
        with suppress(httpx.TransportError):
            assert registration.result().is_server_error

    stopped = project.inspect("app")
    assert stopped["State"]["ExitCode"] == 1
    log = project.run("docker", "logs", stopped["Id"]).stdout.splitlines()
    (cut,) = [json.loads(line) for line in log if "requests_cut" in line]
    assert cut["count"] == 1


def call_until_told_to_stop(port: int, all_call: threading.Barrier) -> int:
    """Call on one connection until an answer says that it is the last; count the answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    answers = 0
    while True:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        assert json.load(answer) == {"status": "ok"}
        answers += 1
        if answers == 1:
            all_call.wait()
        if answer.will_close:
            return answers


def register_somebody_else(project: Project) -> httpx.Response:
    account = ACCOUNT | {"email": f"{secrets.token_hex(8)}@example.com"}
    return httpx.post(f"{project.url}/api/v1/auth/register", json=account, timeout=60)


@contextmanager
def users_locked(project: Project) -> Iterator[None]:
    """Let nobody be registered before the end of the block."""
    database = project.inspect("database")["Id"]
    with subprocess.Popen(
        ["docker", "exec", "--interactive", database, *PSQL, "--set=ON_ERROR_STOP=1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write("SET lock_timeout = '60s'; BEGIN; LOCK TABLE users; SELECT 'locked';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            session.communicate("COMMIT;\n", timeout=60)


def somebody_waits(project: Project) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND NOT granted"
    return project.compose("exec", "-T", "database", *PSQL, "--command", waiting) == "1\n"


def data_outlive_their_containers(project: Project) -> None:
    project.compose("down")
    project.compose("up", "--wait", "--detach")

    somebody_logs_in(project)


def somebody_logs_in(project: Project) -> None:
    with httpx.Client(base_url=project.url) as client:
        assert client.post("/api/v1/auth/login", json=CREDENTIALS).status_code == 200


def nothing_is_left(project: Project) -> None:
    project.compose("down", "--volumes")

    for kind in ("container", "volume", "network"):
        everything = ["--all"] if kind == "container" else []
        ours = f"label=com.docker.compose.project={project.name}"
        left = project.run("docker", kind, "ls", *everything, "--quiet", "--filter", ours)
        assert left.stdout == ""
