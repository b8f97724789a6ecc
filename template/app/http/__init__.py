"""The middleware: one pure-ASGI class a file, and their order here.

Starlette's `BaseHTTPMiddleware` is avoided: it costs a task and two queues a request.
"""

from starlette.middleware import Middleware

from app.http.body_limit import BodyLimitMiddleware
from app.http.cors import CorsMiddleware
from app.http.head import HeadMiddleware
from app.http.observation import ObservationMiddleware
from app.http.request_id import RequestIdMiddleware
from app.http.time_limit import TimeLimitMiddleware
from app.http.trailing_slash import TrailingSlashMiddleware
from app.http.unforeseen import UnforeseenErrorMiddleware
from app.ops.metrics import Metrics
from app.settings import Settings


def middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """From the outermost, which sees a request first and its response last, to the innermost."""
    return [
        Middleware(RequestIdMiddleware),
        Middleware(ObservationMiddleware, metrics=metrics),
        *_cors(settings.allowed_origins),
        Middleware(UnforeseenErrorMiddleware),
        Middleware(TimeLimitMiddleware, seconds=settings.request_timeout),
        Middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes),
        Middleware(TrailingSlashMiddleware),
        Middleware(HeadMiddleware),
    ]


def _cors(origins: frozenset[str]) -> list[Middleware]:
    """None where no page but the service's own may call it: then its origin needs no permission."""
    return [Middleware(CorsMiddleware, origins=origins)] if origins else []
