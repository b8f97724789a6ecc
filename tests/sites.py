"""Web sites on this machine: pages of any host name, and the service behind one of them."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from trustme import CA

NAMES: Final = ("shop.test", "*.shop.test", "evil.test")
"""What the certificate is for."""

PAGE: Final = b"<!doctype html><title>A page</title>"


@dataclass(frozen=True)
class Seen:
    """A request that reached the service, and how it was answered."""

    method: str
    path: str
    headers: dict[str, str]
    """By name in lower case."""
    status: int
    set_cookies: list[str]


@dataclass
class Sites:
    """A server of empty pages, whatever the host name; `/api` of ``shop.test`` is the service's."""

    scheme: str
    port: int
    service: int = 0
    """The service's port."""
    script: bytes = b""
    """What `/session.js` holds on each of the sites."""
    seen: list[Seen] = field(default_factory=list)

    def origin(self, host: str) -> str:
        return f"{self.scheme}://{host}:{self.port}"


@contextmanager
def sites(*, encrypted: bool) -> Iterator[Sites]:
    """Serve until the end of the block, on a free port of this machine."""

    class Handler(_Handler):
        def sites(self) -> Sites:
            return found

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if encrypted:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        CA().issue_cert(*NAMES).configure_cert(context)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    found = Sites("https" if encrypted else "http", server.server_port)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def sites(self) -> Sites:
        raise NotImplementedError

    def do_GET(self) -> None:
        if self._is_for_the_service():
            self._pass_on()
        elif self.path == "/session.js":
            self._answer("text/javascript", self.sites().script)
        else:
            self._answer("text/html", PAGE)

    def do_POST(self) -> None:
        if self._is_for_the_service():
            self._pass_on()
        else:
            self.send_error(405)

    def do_OPTIONS(self) -> None:
        self.do_POST()

    def _is_for_the_service(self) -> bool:
        return self.headers["host"].split(":")[0] == "shop.test" and self.path.startswith("/api/")

    def _pass_on(self) -> None:
        """Do what a proxy does that stands in front of a service."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        service = http.client.HTTPConnection("127.0.0.1", self.sites().service, timeout=30)
        service.request(self.command, self.path, body, dict(self.headers))
        answer = service.getresponse()
        content = answer.read()
        service.close()
        self.sites().seen.append(
            Seen(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                answer.status,
                answer.headers.get_all("set-cookie", []),
            )
        )
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, content_type: str, content: bytes) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
