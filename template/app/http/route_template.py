"""Which route answered a request."""

from starlette.types import Scope


def route_template(scope: Scope) -> str | None:
    """The path of the route as it was declared, such as ``/api/v1/users/{id}``; None for none.

    Unlike the path itself it has few values, so that logs and metrics can be grouped by it.
    """
    path: str | None = getattr(scope.get("route"), "path", None)
    return path
