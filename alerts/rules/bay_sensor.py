"""The rule `bay_sensor`: sensors in bays that flap or seem to be stuck, as work for whoever looks after them.

Only bays of which something arrived, or whose time has come, are told again; all of them at the start, and each within
the hour, whatever happens. What that means is in memory and can be lost at any time.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from pydantic import Field

from alerts.calendar import Calendar
from alerts.model import Findings
from alerts.parking.findings import tickets
from alerts.parking.loading import Site, load_windows
from alerts.parking.settings import ParkingSettings
from alerts.parking.signs import SignSettings
from alerts.parking.story import BayStory, Ticket, TicketKind
from alerts.parking.telling import Teller
from alerts.rules.news import News, next_sweep
from alerts.rules.parking_past import tell_past
from alerts.rules.settings import RuleSettings
from alerts.rules.streets import with_groups
from alerts.spans import Span, joined
from storage.database import Connection

_WATCH_EVERY = timedelta(minutes=1)
"""A sensor with a ticket is looked at so often: flapping ends, and stuck sensors turn out to charge, without news."""
_A_MOMENT = timedelta(microseconds=1)
_AT_ONCE = 250
"""Bays of one look: the next one goes on, so that no turn is long."""
_EVER = datetime.min.replace(tzinfo=UTC)


class BaySensorSettings(RuleSettings, ParkingSettings):
    """Sensors in bays that need a look; the timers are those of wrong parking."""

    kind: Literal["bay_sensor"] = Field(description="`bay_sensor`: a bay's sensor flaps or seems to be stuck")


class BaySensor:
    """One configured rule of this kind."""

    wakes = frozenset({"parking_bay", "evse_status"})
    pace = timedelta(seconds=30)

    def __init__(self, name: str, settings: BaySensorSettings, calendar: Calendar) -> None:
        self.name = name
        self.version = settings.version
        self._timers = settings.timers
        self._changes = settings.flapping_changes
        self._teller = Teller(name, settings, calendar, signs=(SignSettings(version="default"),))
        self._news = News()
        self._due: dict[str, datetime] = {}
        self._looked_at: datetime | None = None

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """Tickets of the bays that may have changed; of all bays for `since`."""
        if since is not None:
            found = [one async for part in self.history(connection, since, now) for one in part.findings]
            return Findings(self.name, self.version, tuple(found), frozenset(self._teller.sites), since)
        if await self._teller.renew(connection):
            self._looked_at = None
        sites = await self._to_tell(connection, now)
        windows = await load_windows(connection, sites, now, rule=self.name, timers=self._timers)
        stories = [self._apart(one, now) for one in await self._teller.stories(connection, sites, windows, now)]
        for story in stories:
            self._note(story, now)
        keys = frozenset(story.bay.key for story in stories)
        due = min(self._due.values(), default=None)
        return Findings(self.name, self.version, tuple(tickets(stories)), keys, _EVER, next_due=due)

    async def history(self, connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Findings]:
        """See `alerts.trial.History`."""
        async for told in tell_past(self._teller, connection, since, until):
            stories = [self._apart(one, until) for one in told]
            found = tuple(one for one in tickets(stories) if one.ended is None or one.ended.at > since)
            yield Findings(self.name, self.version, found, frozenset(one.bay.key for one in stories), since)

    def _apart(self, story: BayStory, now: datetime) -> BayStory:
        """The story with a ticket for each time in which the sensor flapped, whatever lay before it."""
        states = [one for one in story.sightings if one.occupied is not None]
        changes = [after.at for before, after in pairwise(states) if before.occupied != after.occupied]
        flapping = flaps(changes, self._changes, self._timers.flapping, now)
        stuck = [one for one in story.tickets if one.kind is TicketKind.STUCK]
        return replace(story, tickets=[*flapping, *stuck])

    async def _to_tell(self, connection: Connection, now: datetime) -> list[Site]:
        """Bays of which something arrived or whose time has come, those that have waited longest first."""
        new, sites = await self._news.read(connection, now), self._teller.sites
        everything = self._looked_at is None or now < self._looked_at
        self._looked_at = now
        for key, site in sites.items():
            if everything or key in new or not new.isdisjoint(site.bay.evses):
                self._due[key] = min(now, self._due.get(key, now))
        self._due = {key: at for key, at in self._due.items() if key in sites}
        due = sorted((key for key, at in self._due.items() if at <= now), key=self._due.__getitem__)
        return with_groups(sites, set(due[:_AT_ONCE]))

    def _note(self, story: BayStory, now: datetime) -> None:
        """When to look at a bay again without news of it."""
        self._due[story.bay.key] = min(self._times(story, now))

    def _times(self, story: BayStory, now: datetime) -> Iterator[datetime]:
        yield next_sweep(story.bay.key, now)
        if any(ticket.until is None for ticket in story.tickets):
            yield now + _WATCH_EVERY
        standing = story.verdicts[-1].occupancy if story.verdicts else None
        if standing is not None and standing.until is None:
            if standing.since + self._timers.stuck >= now:
                yield standing.since + self._timers.stuck + _A_MOMENT
        elif story.next_due is not None:  # an arrival or a departure that has not lasted yet
            yield story.next_due


def flaps(changes: Sequence[datetime], count: int, within: timedelta, now: datetime) -> Iterator[Ticket]:
    """Times in which `count` changes lay `within` each other; each ends when it was quiet for as long. Pure."""
    quick = [last for first, last in zip(changes, changes[count - 1 :], strict=False) if last - first <= within]
    for span in joined([Span(at, at + within) for at in quick]):
        yield Ticket(TicketKind.FLAPPING, span.start, span.end if span.end <= now else None)
