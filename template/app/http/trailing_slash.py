"""Takes a path with a slash at its end for the one without."""

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlashMiddleware:
    """Let ``/posts/`` be ``/posts``, as most callers mean it.

    A redirect would cost a round trip, and many clients do not follow one with a body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/":
            scope["path"] = scope["path"].removesuffix("/")
        await self.app(scope, receive, send)
