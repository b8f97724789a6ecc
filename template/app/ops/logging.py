"""Structured logs on standard output: JSON for machines, or readable for people.

Everything that is logged, by this service through structlog or by a library through the standard
library, comes out in one form, with the id of the request it belongs to.
"""

import logging
import sys
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import Processor

from app.ops import telemetry

_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    *telemetry.LOG_PROCESSORS,
]
_PROCESSORS: Final[list[Processor]] = [
    structlog.stdlib.filter_by_level,
    *_SHARED,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def configure(
    level: str, log_format: Literal["json", "console"], stream: TextIO | None = None
) -> None:
    """Set up logging for the process; called once, when a command starts.

    ``stream`` is where to, if not to standard output.
    """
    render = _json() if log_format == "json" else _console()
    handler = logging.StreamHandler(stream or sys.stdout)
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
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _json() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(),
    ]


def _console() -> list[Processor]:
    # Rich's tracebacks, which structlog prefers, show local variables: passwords among them.
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
