"""Builds the portal's services from settings: the pool, the users, the templates."""

from collections.abc import Mapping

from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry

from portal.connections import Connect, ConnectionPool
from portal.metrics import PortalMetrics
from portal.pages import environment
from portal.services import Clock, PortalServices, utc_now
from portal.sessions import Sessions
from portal.site_settings import PortalSettings
from portal.tokens import Tokens
from portal.users import Accounts


def build_services(
    settings: PortalSettings,
    connect: Connect,
    *,
    port: int | None = None,
    parts: Mapping[type, object] | None = None,
    registry: CollectorRegistry | None = None,
    clock: Clock = utc_now,
    hasher: PasswordHasher | None = None,
) -> PortalServices:
    """The services of a portal.

    Args:
        connect: opens a connection as `Role.PORTAL`.
        port: the one that is listened on, where the settings leave it open.
        parts: objects of other rooms for its pages, by their type.
        registry: where the portal's metrics are registered; None: nobody asks for them.
        hasher: cheaper in tests.

    Raises:
        OSError, ValueError: the users' file cannot be read.
    """
    return PortalServices(
        settings=settings,
        public_url=public_url(settings, port or settings.port),
        pool=ConnectionPool(connect),
        connect=connect,
        templates=environment(),
        accounts=Accounts(settings.read_users(), hasher=hasher),
        sessions=Sessions(settings),
        tokens=Tokens(),
        metrics=PortalMetrics(registry or CollectorRegistry()),
        clock=clock,
        parts=dict(parts or {}),
    )


def public_url(settings: PortalSettings, port: int) -> str:
    """How people reach the portal: as configured, else on this machine."""
    return settings.public_url or f"http://127.0.0.1:{port}"
