"""A connection as uvicorn speaks it, but for the one answer that uvicorn gives by itself."""

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http.request_id import new_request_id
from app.problems import MalformedRequestError

logger = structlog.get_logger("app.protocol")


class HttpProtocol(HttpToolsProtocol):
    """Answers what is no HTTP at all as everything else is: by a problem with a request id."""

    def send_400_response(self, msg: str) -> None:
        identifier = new_request_id()
        logger.info("malformed_request", request_id=identifier)
        response = MalformedRequestError().response(identifier)
        headers = [
            *self.server_state.default_headers,
            *response.raw_headers,
            (b"x-request-id", identifier.encode()),
            (b"connection", b"close"),
        ]
        lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + bytes(response.body))
        self.transport.close()
