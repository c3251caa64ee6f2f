"""The pages for people as one FastAPI application, on a port of its own (`portal.port`).

Its own port, because it stands on the internet behind a TLS proxy, while health, metrics and webhooks belong to the
operator's network. Each part is a module with `router(services) -> APIRouter`; what it adds to the navigation is its
`PAGES`, what runs beside the server its `run(services)`.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final, cast

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from portal.errors import handlers
from portal.guards import HostCheck, SecurityHeaders
from portal.metrics import MeasureAnswers
from portal.pages import Page
from portal.services import PortalServices
from portal.static_files import mount_static

PARTS: Final = (
    "portal.inbox.router",
    "portal.statistics.router",
    "portal.ocpi.router",
    "portal.charging_webhook",
    "portal.channels",
    "portal.login",
    "portal.oidc",
    "portal.account",
    "portal.texts",
)
MAX_BODY_BYTES: Final = 1024 * 1024
"""Nothing that people send comes near; a charge point operator's location may."""


def create_site(services: PortalServices, *, parts: Sequence[str] = PARTS) -> FastAPI:
    """The application. Documentation pages are off: they would load scripts from elsewhere."""
    site = FastAPI(
        title="Stadtfunk",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY_BYTES,
        middleware=[
            Middleware(MeasureAnswers, services.metrics),
            Middleware(SecurityHeaders, services.settings),
            Middleware(HostCheck, services.public_url),
        ],
        exception_handlers=handlers(),
    )
    site.state.services = services
    site.state.pages = sorted((page for part in _present(parts) for page in _pages(part)), key=lambda one: one.order)
    mount_static(site)
    for part in _present(parts):
        make = cast(Callable[[PortalServices], APIRouter], part.router)
        site.include_router(make(services))
    return site


def background(services: PortalServices, *, parts: Sequence[str] = PARTS) -> list[Coroutine[object, object, None]]:
    """What the parts run beside the server, until cancelled."""
    return [part.run(services) for part in _present(parts) if hasattr(part, "run")]


def _present(parts: Sequence[str]) -> Iterator[ModuleType]:
    """The parts that this installation has."""
    for name in parts:
        parent = name.rpartition(".")[0]
        if find_spec(parent) is not None and find_spec(name) is not None:
            yield import_module(name)


def _pages(part: ModuleType) -> Sequence[Page]:
    pages: Sequence[Page] = getattr(part, "PAGES", ())
    return pages
