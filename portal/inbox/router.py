"""The pages of the inbox: the list with its map, one case, and the stream that keeps both fresh."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from alerts.calendar import Calendar
from alerts.channels.settings import DAY, SHIFTS
from alerts.settings import AlertSettings
from portal.auth import public
from portal.devices import is_subscribed
from portal.inbox import actions, evidence, live, push, story, words
from portal.inbox.case_page import show_case
from portal.inbox.entries import Entry, called_off, closed_cases, open_cases
from portal.inbox.filters import Filter, Shifts, Since, Tab, Whose
from portal.inbox.roles import ACTING, READING, READING_SCOPE
from portal.pages import STATIC, Page, render
from portal.services import PortalServices, Services
from portal.translation import _
from portal.users import User
from storage.database import Connection

PAGES: Final = (Page("/inbox", "Posteingang", "inbox", READING, order=10),)
CLOSED_AT_ONCE: Final = 50

Reader = Annotated[User, Depends(READING_SCOPE)]

routes = APIRouter()


def router(_services: PortalServices) -> APIRouter:
    """List, case, stream, actions and protocol."""
    whole = APIRouter()
    for part in (routes, actions.routes, evidence.routes, push.routes):
        whole.include_router(part)
    return whole


async def run(services: PortalServices) -> None:
    """Listen for changes, until cancelled."""
    await live.listen(services)


@routes.get("/inbox")
async def inbox(request: Request, services: Services, user: Reader, teil: str = "") -> Response:
    """The list; `?teil=liste` gives its inner part only, for refreshing."""
    chosen, now = Filter.of(request.query_params), services.clock()
    async with services.connection() as connection:
        everything = await open_cases(connection)
        ended = await called_off(connection, now)
        closed = await _closed(connection, chosen, request.query_params.get("vor", ""), now)
    shifts = shifts_of(services)
    shown = chosen.apply(everything, user=user.name, shift_began=shifts.began(now), now=now)
    template = "inbox/_cases.html" if teil == "liste" else "inbox/list.html"
    return render(
        request,
        template,
        chosen=chosen,
        tabs=[(tab, title, _count(everything, tab)) for tab, title in TABS.items()],
        Tab=Tab,
        districts=sorted({one.district for one in everything if one.district} | {chosen.district} - {""}),
        states=STATES,
        sinces=SINCES,
        entries=closed if chosen.tab is Tab.CLOSED else shown,
        called_off=[one for one in ended if not chosen.district or one.district == chosen.district],
        more=closed[-1].closed_at if len(closed) == CLOSED_AT_ONCE else None,
        now=now,
        may_act=user.role in ACTING,
        words=words,
        next_actions=story.next_actions,
        new_key=lambda: uuid4().hex,
        push_key=push.push_key(services),
        subscribed=is_subscribed(request, services.settings),
    )


@routes.get("/inbox/cases.json")
async def cases_json(services: Services, _user: Reader) -> Response:
    """The open cases for programs, the most urgent first."""
    now = services.clock()
    async with services.connection() as connection:
        found = await open_cases(connection)
    found.sort(key=lambda one: -one.priority(now))
    return JSONResponse({"at": now.isoformat(), "cases": [_plain(one, now) for one in found]})


@routes.get("/inbox/events")
async def events(services: Services, _user: Annotated[User, Depends(READING_SCOPE)]) -> Response:
    """The stream of changes; 503 when too many read already, and the page asks from time to time instead."""
    if live.CHANGES.readers >= live.MOST_READERS:
        raise HTTPException(503, "streams", headers={"Retry-After": "60"})
    return StreamingResponse(live.stream(services), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@routes.get("/inbox/service-worker.js", dependencies=[Depends(public)])
async def service_worker() -> Response:
    """The script that keeps the last state at hand without a connection; its place gives it its scope."""
    path = STATIC / "inbox" / "service-worker.js"
    return FileResponse(
        path, media_type="text/javascript", headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    )


@routes.get("/inbox/cases/{number}")
async def case_page(
    request: Request, services: Services, user: Reader, number: str, teil: Annotated[str, Query(max_length=16)] = ""
) -> Response:
    """One case; `?teil=fall` gives its inner part only."""
    return await show_case(request, services, user, number, part=teil == "fall")


def shifts_of(services: PortalServices) -> Shifts:
    """The shift of the traffic authority: that of the configuration, or the usual one."""
    settings = services.parts.get(AlertSettings)
    if not isinstance(settings, AlertSettings):
        return Shifts(SHIFTS[DAY], Calendar())
    return Shifts(settings.shifts.get(DAY, SHIFTS[DAY]), Calendar(settings.calendar))


TABS: Final = {Tab.OPEN: _("Offen"), Tab.STAY: _("Parkdauer"), Tab.CLOSED: _("Erledigt")}
STATES: Final = {
    Whose.ALL: _("Alle"),
    Whose.NEW: _("Neu"),
    Whose.TAKEN: _("In Arbeit"),
    Whose.MINE: _("Meine"),
}
SINCES: Final = {Since.ALL: _("Alle"), Since.THIS_SHIFT: _("In dieser Schicht"), Since.BEFORE: _("Vor der Schicht")}


async def _closed(connection: Connection, chosen: Filter, before: str, now: datetime) -> list[Entry]:
    if chosen.tab is not Tab.CLOSED:
        return []
    return await closed_cases(
        connection, before=_moment(before) or now + timedelta(seconds=1), district=chosen.district, limit=CLOSED_AT_ONCE
    )


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _count(entries: Sequence[Entry], tab: Tab) -> int | None:
    """How many the tab holds; closed cases are not counted."""
    return None if tab is Tab.CLOSED else sum(one.over_stay is (tab is Tab.STAY) for one in entries)


def _plain(one: Entry, now: datetime) -> dict[str, object]:
    return {
        "number": one.number,
        "street": one.street,
        "bay": one.bay,
        "district": one.district,
        "latitude": one.latitude,
        "longitude": one.longitude,
        "code": one.leading,
        "reason": one.what,
        "confidence": one.confidence,
        "state": one.state.value,
        "since": one.since.isoformat(),
        "priority": round(one.priority(now), 3),
        "position": one.position,
        "badges": list(one.badges),
    }
