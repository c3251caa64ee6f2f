"""Bays judged in stretches of the past: history that a rule is tried on, and history that came late.

Live looks read a bay from its last departure on. Messages and statuses that arrive hours or weeks after they were made
lie before that; the log of late hours says where. Each of those stretches is told again, in portions of a few stations:
what ended in it becomes cases that were over before they were seen, and cases that ended by themselves and that it does
not hold are disproved. Work goes on after a crash where it was.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.calendar import Calendar
from alerts.model import Disproof, Finding, Findings
from alerts.parking.disproof import Told
from alerts.parking.findings import cases
from alerts.parking.inputs import Bay
from alerts.parking.loading import SETTLED_AFTER, Site, load_windows
from alerts.parking.settings import ParkingSettings
from alerts.parking.signs import SignSettings
from alerts.parking.story import BayStory
from alerts.parking.telling import Teller
from alerts.rules.streets import portions, with_stations
from alerts.spans import Span
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alert_rules")

BAY_DAYS = 1000
"""So much history of bays is in memory at once, if no station alone has more."""
_BEFORE = timedelta(days=1)
_HOUR = timedelta(hours=1)
_STRETCH = timedelta(hours=24)
_BAYS_AT_ONCE = 50
_PACE = timedelta(seconds=1)


async def tell_past(
    teller: Teller, connection: Connection, since: datetime, until: datetime
) -> AsyncIterator[list[BayStory]]:
    """The stories of all bays from a day before `since` to `until`, a portion of bays at a time."""
    await teller.renew(connection)
    most = max(1, int(BAY_DAYS / ((until - since) / timedelta(days=1) + 1)))
    for portion in portions(teller.sites.values(), most):
        windows = {site.bay.key: since - _BEFORE for site in portion}
        yield await teller.stories(connection, portion, windows, until)


class ParkingPast:
    """Cases of wrong parking in the past.

    Args:
        name, version: of the rule whose cases these are.
    """

    wakes = frozenset({"parking_bay", "evse_status"})
    pace = _PACE

    def __init__(
        self, name: str, version: str, settings: ParkingSettings, signs: Sequence[SignSettings], calendar: Calendar
    ) -> None:
        self.name = name
        self.version = version
        self._timers = settings.timers
        self._teller = Teller(name, settings, calendar, signs=signs)
        self._late: _Late | None = None

    async def history(self, connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Findings]:
        """See `alerts.trial.History`."""
        async for stories in tell_past(self._teller, connection, since, until):
            found = [one for one in cases(stories) if one.ended is None or one.ended.at > since]
            yield self._findings(found, since)

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """See `Rule`: what late data say of the past, of a portion of the bays that they are about."""
        assert since is None, "history is told by `history`"
        late = self._late = self._late or await self._read_late(connection)
        if late is None:
            return self._findings((), now)
        found: Sequence[Finding] = ()
        gone: Sequence[Disproof] = ()
        if late.waiting:
            found, gone = await self._told_again(connection, late.waiting.pop(), late.span, now)
        if not late.waiting:
            await connection.execute(_QUERIES["forget_late"], {"ids": late.ids})
            self._late = None
        return replace(self._findings(found, late.span.start, now + _PACE), disproved=tuple(gone))

    async def _read_late(self, connection: Connection) -> "_Late | None":
        """The earliest stretch of which something is late, and the bays that it is about and that spoke in it."""
        rows = await (await connection.execute(_QUERIES["late_hours"])).fetchall()
        if not rows:
            return None
        await self._teller.renew(connection)
        logged = list(map(_LateHour._make, rows))
        first = logged[0].hour
        hours = [one for one in logged if one.hour < first + _STRETCH]
        span = Span(first, hours[-1].hour + _HOUR)
        cursor = await connection.execute(_QUERIES["bays_that_spoke"], {"start": span.start, "end": span.end})
        keys = {row[0] for row in await cursor.fetchall()} & self._teller.sites.keys()
        if not any(one.has_messages for one in hours):
            evses = {evse for one in hours for evse in one.evses}
            keys = {key for key in keys if not evses.isdisjoint(self._teller.sites[key].station_evses)}
        sites = with_stations(self._teller.sites, keys)
        return _Late(span, [entry for one in hours for entry in one.ids], list(portions(sites, _BAYS_AT_ONCE)))

    async def _told_again(
        self, connection: Connection, sites: Sequence[Site], span: Span, now: datetime
    ) -> tuple[list[Finding], list[Disproof]]:
        """Cases of these bays that reach into the span, are over, and overlap with no alert of another name; and those
        that are disproved."""
        windows = await load_windows(connection, sites, span.start + SETTLED_AFTER, rule=self.name, timers=self._timers)
        found: list[Finding] = []
        gone: list[Disproof] = []
        more, end = SETTLED_AFTER, min(span.end + SETTLED_AFTER, now)
        while sites:
            stories = await self._teller.stories(connection, sites, windows, end)
            waiting = _going_on(stories, span) if end < now else set()
            told = Told([story for story in stories if _street(story.bay) not in waiting], windows, end)
            said = cases(told.stories)
            gone += await self._teller.disproved(connection, told, said, version=self.version)
            found += [one for one in said if one.ended and one.since < span.end and one.ended.at > span.start]
            sites = [site for site in sites if _street(site.bay) in waiting]
            more *= 2
            end = min(end + more, now)
        return await self._without_known(connection, found), gone

    async def _without_known(self, connection: Connection, found: list[Finding]) -> list[Finding]:
        """Those that do not repeat an alert whose begin was seen otherwise then: nobody was in a bay twice at once."""
        if not found:
            return []
        values = {
            "rule": self.name,
            "subjects": [one.subject for one in found],
            "start": min(one.since for one in found),
            "end": max(one.ended.at for one in found if one.ended is not None),
        }
        rows = await (await connection.execute(_QUERIES["alerts_between"], values)).fetchall()
        names = {(one.subject, one.occurrence) for one in found}
        raised = map(_Raised._make, rows)
        others = [
            one for one in raised if one.outcome or (one.subject, one.occurrence) not in names
        ]  # they get its end
        return [one for one in found if not any(_repeats(one, other) for other in others)]

    def _findings(self, found: Sequence[Finding], start: datetime, next_due: datetime | None = None) -> Findings:
        """Nothing follows from what is absent here: no subject counts as looked at."""
        return Findings(self.name, self.version, tuple(found), frozenset(), start, True, next_due)


class _LateHour(NamedTuple):
    """An hour of which something is late: entries of the log, whether they are of bays' messages, else whose status."""

    hour: datetime
    ids: Sequence[int]
    has_messages: bool
    evses: Sequence[str]


class _Raised(NamedTuple):
    """An alert that stands."""

    subject: str
    occurrence: str
    since: datetime
    closed_at: datetime | None
    outcome: str


@dataclass(slots=True)
class _Late:
    """A stretch of which something is late, the entries of the log that say so, and the bays still to be told."""

    span: Span
    ids: list[int]
    waiting: list[list[Site]] = field(default_factory=list)


def _street(bay: Bay) -> str:
    """What is told together: the bays of a station, or one without."""
    return bay.station or bay.key


def _going_on(stories: Sequence[BayStory], span: Span) -> set[str]:
    """Streets in which what began before the end of the span may still change, as far as they are told."""
    began = {one.subject for one in cases(stories) if one.since < span.end}
    taken = [story for story in stories if story.verdicts and story.verdicts[-1].occupancy.closed_at is None]
    return {
        _street(story.bay)
        for story in taken
        if story.verdicts[-1].occupancy.since < span.end or story.bay.group in began
    }


def _repeats(one: Finding, other: _Raised) -> bool:
    assert one.ended is not None
    overlaps = other.since < one.ended.at and (other.closed_at is None or other.closed_at > one.since)
    return other.subject == one.subject and other.occurrence != one.occurrence and overlaps
