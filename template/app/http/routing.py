"""Finds the route of a request in one pass, and answers it prepared."""

from copy import copy

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app.http.prepared import prepare
from app.http.shortcuts import ShortcutMiddleware


def flatten(app: FastAPI) -> None:
    """Put the routes of included routers into one list; called once the last one is included.

    FastAPI keeps routers within routers, and asks each of them twice for every request. The routes
    and their description stay what they are; ``form_limits`` alone count on a route, not on the
    routers around it.
    """
    routes = app.router.routes
    routes[:] = [each for route in app.routes for each in _flat(route)]
    app.user_middleware.append(Middleware(ShortcutMiddleware, routes=routes))


def _flat(route: BaseRoute) -> list[BaseRoute]:
    contexts = list(iter_route_contexts([route]))
    if all(isinstance(context.original_route, APIRoute) for context in contexts):
        return [_of_its_own(context) for context in contexts]
    return [route]  # a mounted application, say


def _of_its_own(context: RouteContext) -> BaseRoute:
    """The route with the prefix, the tags and all else that the routers around it give it."""
    route = copy(context.original_route)
    state = vars(route)
    state.update({name: getattr(context, name) for name in state if hasattr(context, name)})
    if isinstance(route, APIRoute):
        route.app = prepare(route, route.app)
    return route
