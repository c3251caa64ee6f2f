"""What the pages work with: handed to each router when it is built, and reachable from each request."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Depends
from jinja2 import Environment
from starlette.requests import Request

from portal.connections import Connect, ConnectionPool
from portal.metrics import PortalMetrics
from portal.rate_limit import LoginLimiter
from portal.sessions import Sessions
from portal.site_settings import PortalSettings
from portal.tokens import Tokens
from portal.users import Accounts
from storage.database import Connection

Clock = Callable[[], datetime]
Part = TypeVar("Part")


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalServices:
    """Everything that a page may need.

    Attributes:
        settings: the `portal` section.
        public_url: how people reach us, without a slash at the end.
        pool: connections as `Role.PORTAL`.
        connect: opens a connection of one's own as `Role.PORTAL`, to listen on; the caller closes it.
        parts: objects of other rooms (settings of alerts, a notifier), by their type.
        stopping: set when the service ends; streams of events then end, too.
    """

    settings: PortalSettings
    public_url: str
    pool: ConnectionPool
    connect: Connect
    templates: Environment
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    metrics: PortalMetrics
    limiter: LoginLimiter = field(default_factory=LoginLimiter)
    clock: Clock = utc_now
    parts: Mapping[type, object] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A pooled connection for `async with`.

        Raises:
            Retryable: none can be had now; the visitor gets a page that says so.
        """
        return self.pool.connection()

    def part(self, kind: type[Part]) -> Part:
        """The object of `kind` that the composition root handed in.

        Raises:
            LookupError: it handed in none.
        """
        found = self.parts.get(kind)
        if not isinstance(found, kind):
            raise LookupError(f"the portal was built without {kind.__name__}")
        return found


def services_of(request: Request) -> PortalServices:
    """The services of the application that answers `request`."""
    services: PortalServices = request.app.state.services
    return services


Services = Annotated[PortalServices, Depends(services_of)]
"""A handler's parameter of this type gets them."""
