"""The service, put together."""

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
    app.include_router(health.router)
    app.include_router(jwks.router)
    app.include_router(api.router)
    routing.flatten(app)
    return app
