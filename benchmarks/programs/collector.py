"""Takes whatever telemetry is sent to the port given, and forgets it."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Forget(BaseHTTPRequestHandler):
    """Answers 200 to all."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer that it is there."""
        self._answer()

    def do_POST(self) -> None:
        """Take what is sent."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Forget).serve_forever()
