"""Calls a handler with what its signature asks for, worked out once and not for each request.

FastAPI goes through a handler's dependencies and parameters anew whenever it is called. Handlers
that read mostly ask for little: who is asking, the database, a few parameters. What that takes is
known when their route is made. Whatever asks for more, and each request in which something is
wrong, is left to FastAPI.
"""

from inspect import iscoroutinefunction
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from fastapi import Request, Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute, serialize_response
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.json_route import JsonRoute
from app.http.json_writer import json_writer

_PLACES: Final = {
    "path_params": "path_params",
    "query_params": "query_params",
    "headers": "header_params",
    "cookies": "cookie_params",
}
"""Where a request has parameters, and where FastAPI keeps which of them a handler asks for."""
_IMMUTABLE: Final = (bool, int, float, str, type(None))
_KNOWN_HANDLERS: Final = (APIRoute.get_route_handler, JsonRoute.get_route_handler)
"""A route's class with another one has something of its own to do."""
_FILTERS: Final = ("include", "exclude", "exclude_unset", "exclude_defaults", "exclude_none")


def prepare(route: APIRoute, app: ASGIApp) -> ASGIApp:
    """What answers the route's requests, made of ``app``, which is FastAPI's."""
    return Prepared(route, app) if _asks_for_little(route) else app


class Prepared:
    """Answers what FastAPI would."""

    def __init__(self, route: APIRoute, app: ASGIApp) -> None:
        self.app = app
        self.route = route
        self._call = route.endpoint
        self._status = route.status_code or 200
        self._writers = {kind: json_writer(kind) for kind in _alternatives(route.response_model)}
        asked = route.dependant
        self._request_name = asked.request_param_name
        self._response_name = asked.response_param_name
        self._dependencies = [
            (each.name, each.call, each.request_param_name)
            for each in asked.dependencies
            if each.call
        ]
        self._places = [
            (place, fields) for place, name in _PLACES.items() if (fields := getattr(asked, name))
        ]
        self._defaults = _defaults(asked)
        self._places_without_query = [
            (place, fields)
            for place, fields in self._places
            if place != "query_params" or not self._defaults
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.respond(Request(scope, receive, send))
        await (response or self.app)(scope, receive, send)

    async def respond(self, request: Request) -> Response | None:
        """The handler's answer; None for what is left to FastAPI."""
        arguments = None if self._is_overridden() else self._parameters(request)
        if arguments is None:
            return None
        for name, call, request_name in self._dependencies:
            found = await (call(**{request_name: request}) if request_name else call())
            if name:
                arguments[name] = found
        if self._request_name:
            arguments[self._request_name] = request
        if self._response_name:
            return await self._respond_with_notes(arguments, self._response_name)
        return await self._response(await self._call(**arguments), self._status)

    def _is_overridden(self) -> bool:
        """Whether a test has put something in a dependency's place."""
        application = self.route.dependency_overrides_provider
        return bool(application and application.dependency_overrides)

    def _parameters(self, request: Request) -> dict[str, Any] | None:
        """Their values; None where one is missing or wrong, which FastAPI is to say."""
        values = self._defaults.copy()
        asked = self._places if request.scope["query_string"] else self._places_without_query
        for place, fields in asked:
            found, wrong = request_params_to_args(fields, getattr(request, place))
            if wrong:
                return None
            values |= found
        return values

    async def _respond_with_notes(self, arguments: dict[str, Any], name: str) -> Response:
        """For a handler that asks for a response, to put headers or another status on it."""
        notes = arguments[name] = Response(status_code=self._status)
        del notes.headers["content-length"]
        result = await self._call(**arguments)
        response = await self._response(result, notes.status_code)
        if response is not result:
            response.raw_headers.extend(notes.raw_headers)
        return response

    async def _response(self, result: Any, status: int) -> Response:
        if isinstance(result, Response):
            return result
        writer = self._writers.get(type(result))
        if writer:
            content = writer(result)
        else:
            content = await serialize_response(
                field=self.route.response_field, response_content=result, dump_json=True
            )
        return Response(content, status, media_type="application/json")


def _asks_for_little(route: APIRoute) -> bool:
    """Whether all that it takes to call the handler is known: no body, no dependencies but those
    that are coroutines and ask for the request alone, and JSON of a declared form to answer with.
    """
    asked = route.dependant
    calls = [each.call for each in asked.dependencies]
    return (
        type(route).get_route_handler in _KNOWN_HANDLERS
        and route.body_field is None
        and route.response_field is not None
        and isinstance(route.response_class, DefaultPlaceholder)
        and route.response_model_by_alias
        and not any(getattr(route, f"response_model_{option}") for option in _FILTERS)
        and _is_coroutine(route.endpoint)
        and all(_is_coroutine(call) for call in calls)
        and len(set(calls)) == len(calls)
        and all(_asks_for_request_alone(each) for each in asked.dependencies)
        and not asked.background_tasks_param_name
        and not asked.http_connection_param_name
        and not asked.security_scopes_param_name
    )


def _alternatives(declared: Any) -> list[type]:
    """The classes that an answer may be of. What is of one needs no validation, nor to be tried
    against the others.
    """
    kinds = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    return [kind for kind in kinds if isinstance(kind, type)]


def _is_coroutine(call: Any) -> bool:
    return iscoroutinefunction(call) or iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


def _asks_for_request_alone(asked: Dependant) -> bool:
    bare = Dependant(
        name=asked.name,
        call=asked.call,
        request_param_name=asked.request_param_name,
        own_oauth_scopes=asked.own_oauth_scopes,
        parent_oauth_scopes=asked.parent_oauth_scopes,
        use_cache=asked.use_cache,
        path=asked.path,
        scope=asked.scope,
    )
    return asked == bare


def _defaults(asked: Dependant) -> dict[str, Any]:
    """The parameters of a query that has none; empty where it has to be looked at all the same."""
    values, wrong = request_params_to_args(asked.query_params, QueryParams())
    shared = all(isinstance(value, _IMMUTABLE) for value in values.values())
    return values if shared and not wrong else {}
