"""Kanäle: how the configured channels do, and a button for each that sends one message and says what came of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alerts.channels.settings import ChannelSettings
from alerts.channels.testing import TestResult, send_test
from alerts.pacing import Pace
from alerts.settings import AlertSettings
from portal import audit
from portal.audit import AuditAction
from portal.auth import require
from portal.pages import Page, render, translator_of
from portal.services import PortalServices, Services
from portal.translation import _
from portal.user_roles import UserRole
from portal.users import User
from storage.database import Connection
from storage.statements import load

_QUERIES = load("channels")

TESTERS: Final = frozenset({UserRole.OPERATOR, UserRole.ENGINEER})
PAGES: Final = (Page("/channels", _("Kanäle"), "send", TESTERS, order=800),)
TESTS_PER_MINUTE: Final = 2
"""Of each channel, in this process: a test goes past the outbox and its limits."""
LOOKS_BACK: Final = timedelta(days=30)
KINDS: Final[Mapping[str, str]] = {
    "email": _("E-Mail"),
    "webhook": _("Webhook"),
    "mqtt": _("MQTT"),
    "apprise": _("Apprise"),
    "webpush": _("Web-Push"),
}

Tester = Annotated[User, Depends(require(*TESTERS))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A test that was sent; `reason` is why it did not arrive."""

    at: datetime
    arrived: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Outbox:
    """What became of a channel's messages within `LOOKS_BACK`."""

    pending: int = 0
    held: int = 0
    dead: int = 0
    sent_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """One channel as the page shows it."""

    name: str
    kind: str
    enabled: bool
    outbox: Outbox
    test: Outcome | None


def router(_services: PortalServices) -> APIRouter:
    """The page and its buttons; how often they were pressed is kept in memory."""
    pages = _Pages()
    routes = APIRouter(prefix="/channels")
    routes.add_api_route("", pages.page, methods=["GET"])
    routes.add_api_route("/{name}/test", pages.test, methods=["POST"])
    return routes


class _Pages:
    def __init__(self) -> None:
        self._paces: defaultdict[str, Pace] = defaultdict(partial(Pace, TESTS_PER_MINUTE))

    async def page(self, request: Request, services: Services, _user: Tester) -> Response:
        """Every channel of the configuration."""
        async with services.connection() as connection:
            lines = await channel_lines(connection, _channels(services), services.clock())
        return render(request, "channels.html", channels=lines, kinds=KINDS, days=LOOKS_BACK.days)

    async def test(self, request: Request, services: Services, user: Tester, name: str) -> Response:
        """Send one message through the channel, now and past the outbox."""
        channel = _channels(services).get(name)
        if channel is None:
            raise HTTPException(404, "Not Found")
        self._slow_down(request, name)
        result = await send_test(
            channel, time_zone=_zone(services), portal_url=services.public_url, connect=services.connect
        )
        await _note(services, user, name, result)
        return RedirectResponse("/channels", status_code=303)

    def _slow_down(self, request: Request, name: str) -> None:
        pace = self._paces[name]
        seconds = ceil(pace.wait())
        if seconds > 0:
            one = _("Dieser Kanal wurde eben erst geprüft. Bitte in {count} Sekunde noch einmal.")
            many = _("Dieser Kanal wurde eben erst geprüft. Bitte in {count} Sekunden noch einmal.")
            sentence = translator_of(request).plural(one, many, count=seconds)
            raise HTTPException(429, sentence, headers={"Retry-After": str(seconds)})
        pace.spend()


async def channel_lines(
    connection: Connection, channels: Mapping[str, ChannelSettings], now: datetime
) -> Sequence[ChannelLine]:
    """The channels in the order of their names."""
    asked = {"channels": list(channels), "since": now - LOOKS_BACK, "action": AuditAction.CHANNEL_TESTED}
    rows = await (await connection.execute(_QUERIES["outbox"], asked)).fetchall()
    outbox = {name: Outbox(*numbers) for name, *numbers in rows}
    rows = await (await connection.execute(_QUERIES["last_tests"], asked)).fetchall()
    tests = {name: Outcome(*test) for name, *test in rows}
    return [
        ChannelLine(name, channel.kind, channel.enabled, outbox.get(name, Outbox()), tests.get(name))
        for name, channel in sorted(channels.items())
    ]


def _alerts(services: PortalServices) -> AlertSettings:
    found = services.parts.get(AlertSettings)
    return found if isinstance(found, AlertSettings) else AlertSettings()


def _channels(services: PortalServices) -> Mapping[str, ChannelSettings]:
    return _alerts(services).channels


def _zone(services: PortalServices) -> str:
    return _alerts(services).calendar.time_zone


async def _note(services: PortalServices, user: User, name: str, result: TestResult) -> None:
    detail = {"arrived": result.ok} | ({"reason": result.reason} if result.reason else {})
    async with services.connection() as connection:
        await audit.record(
            connection,
            AuditAction.CHANNEL_TESTED,
            at=services.clock(),
            username=user.name,
            subject=name,
            detail=detail,
        )
