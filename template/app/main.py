"""The service, put together."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app import about, api, http, resources
from app.auth import jwks, purge
from app.http import errors, openapi, routing
from app.ops import health, telemetry
from app.ops.metrics import Metrics
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Make the ASGI application. Nothing is opened before its lifespan starts."""

    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with resources.Resources.open(settings) as opened:
            resources.attach(app, opened)
            metrics.watch(opened.database, opened.passwords, opened.rate_limits)
            telemetry.watch(opened.database, opened.passwords, opened.rate_limits)
            async with purge.running(opened.database, settings.purge):
                yield

    # Without the documentation, or with one that needs no internet.
    make = FastAPIOffline if settings.api_docs else FastAPI
    app = make(
        title=about.TITLE,
        description=about.DESCRIPTION,
        version=about.VERSION,
        docs_url="/docs" if settings.api_docs else None,
        openapi_url="/openapi.json" if settings.api_docs else None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=http.middleware(settings, metrics),
        redirect_slashes=False,
        telemetry=telemetry.REQUESTS,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.metrics = metrics
    errors.install(app)
    openapi.install(app)
    routed = _routed()
    app.router.routes.extend(routed.routes)
    app.user_middleware.extend(routed.user_middleware)
    app.dependency_overrides = routed.dependency_overrides  # whom the routes ask for them
    return app


@functools.cache
def _routed() -> FastAPI:
    """The routes, in an application of their own. They depend on no setting, and to work them out
    takes half as long as a test: once is enough for all applications of a process.
    """
    app = FastAPI(openapi_url=None, generate_unique_id_function=openapi.operation_id)
    app.include_router(health.router)
    app.include_router(jwks.router)
    # Without a prefix, FastAPI would make each route once more, to see that no path is empty.
    app.include_router(api.router, prefix="/api/v1")
    routing.flatten(app)
    return app
