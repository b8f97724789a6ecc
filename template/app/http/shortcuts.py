"""Leads a request straight to its handler where the path alone says which one that is.

Between the service's middleware and a handler lie layers of FastAPI and Starlette: they look for
the route, keep files to be closed, and turn exceptions into answers. A prepared handler needs the
last alone, and only when something goes wrong.
"""

from collections.abc import Sequence
from typing import NoReturn

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.prepared import Prepared


class ShortcutMiddleware:
    """Answers what FastAPI would. The innermost middleware.

    FastAPI is left what has parameters in its path, and each request that it traces.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self._shortcuts = _shortcuts(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prepared = self._find(scope)
        if prepared is None:
            await self.app(scope, receive, send)
            return
        scope.update(route=prepared.route, endpoint=prepared.route.endpoint, path_params={})
        try:
            response = await prepared.respond(Request(scope, receive, send))
        except Exception as error:
            await _refuse(error, scope, receive, send)
            return
        await (response or self.app)(scope, receive, send)

    def _find(self, scope: Scope) -> Prepared | None:
        if scope["type"] != "http" or scope.get("root_path") or "fastapi.telemetry" in scope:
            return None
        return self._shortcuts.get((scope["method"], scope["path"]))


def _shortcuts(routes: Sequence[BaseRoute]) -> dict[tuple[str, str], Prepared]:
    """The prepared handlers whose path has no parameters, by method and path."""
    found: dict[tuple[str, str], Prepared] = {}
    for position, route in enumerate(routes):
        if not isinstance(route, Route):
            break  # a mounted application, say: it, and what comes later, may want more than a path
        if isinstance(route, APIRoute) and isinstance(route.app, Prepared):
            methods = () if route.param_convertors else route.methods or ()
            for method in methods:
                if not _is_taken(method, route.path, routes[:position]):
                    found[method, route.path] = route.app
    return found


def _is_taken(method: str, path: str, earlier: Sequence[BaseRoute]) -> bool:
    """Whether an earlier route, such as ``/{name}``, answers the path."""
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in earlier)


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer by the application's handler for the nearest class; raise what has none."""

    async def fail(scope: Scope, receive: Receive, send: Send) -> NoReturn:
        raise error

    handlers = {
        kind: handler
        for kind, handler in scope["app"].exception_handlers.items()
        if kind not in (500, Exception)  # which are for the outermost layer
    }
    await ExceptionMiddleware(fail, handlers)(scope, receive, send)
