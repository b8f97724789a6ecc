"""Structured logs on standard output: JSON for machines, or readable for people.

Everything that is logged, by this service through structlog or by a library through the standard
library, comes out in one form, with the id of the request it belongs to.
"""

import json
import logging
import sys
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.ops import telemetry

_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    *telemetry.LOG_PROCESSORS,
]
_PROCESSORS: Final[list[Processor]] = []
"""Of structlog's loggers, which keep this very list once they have been used."""


def configure(
    level: str, log_format: Literal["json", "console"], stream: TextIO | None = None
) -> None:
    """Set up logging for the process; called once, when a command starts.

    ``stream`` is where to, if not to standard output.
    """
    render = _json() if log_format == "json" else _console()
    out = stream or sys.stdout
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
            foreign_pre_chain=_SHARED,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # The audit trail is kept whatever the level.
    logging.getLogger("app.audit").setLevel(logging.INFO)
    _Lines.handler, _Lines.out = handler, out
    _PROCESSORS[:] = [_filter_by_level, *_SHARED, *render]
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=_Lines,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Writes what structlog has rendered to where the standard library's loggers write.

    Of these it needs the levels alone: what else they do takes as long as all the rest of a line.
    """

    handler: logging.StreamHandler[TextIO]
    out: TextIO

    def __init__(self, name: str) -> None:
        self.name = name
        self.shows = logging.getLogger(name).isEnabledFor

    def info(self, line: str) -> None:
        try:
            self.out.write(f"{line}\n")
            self.out.flush()
        except Exception:  # as logging.Handler does: a full disk fails no request
            self.handler.handleError(logging.makeLogRecord({"name": self.name, "msg": line}))

    debug = warning = error = exception = critical = info


class EventLog(_Lines):
    """For what is logged with each request: half of what a line takes, structlog spends on finding
    out what is bound to a logger.
    """

    def log(self, level: str, event: EventDict) -> None:
        """Log an event with its fields; its name is the field ``event``."""
        line: Any = event
        try:
            for process in _PROCESSORS:
                line = process(self, level, line)
        except structlog.DropEvent:
            return
        self.info(line)


def _filter_by_level(logger: _Lines, method: str, event: EventDict) -> EventDict:
    if logger.shows(_LEVELS[method]):
        return event
    raise structlog.DropEvent


def _json() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        _render_json,
    ]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return _ENCODER.encode(event)


_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}
_ENCODER: Final = json.JSONEncoder(default=repr)
"""Made once, which `json.dumps` would do for each line."""


def _console() -> list[Processor]:
    # Rich's tracebacks, which structlog prefers, show local variables: passwords among them.
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
