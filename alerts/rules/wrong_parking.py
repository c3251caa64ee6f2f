"""The rule `wrong_parking`: an occupied charging bay without a session, by the stories of alerts/parking.

Only bays of which something arrived, or whose time has come, are told again; what that means is in memory and can be
lost at any time. Shortly before a case opens, the operator is asked for the charge point once more.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import Field

from alerts.calendar import Calendar
from alerts.charging.store import Recheck
from alerts.model import Findings
from alerts.parking.findings import cases
from alerts.parking.loading import Site, bay_uplinks, load_windows, newest_statuses
from alerts.parking.settings import ParkingSettings
from alerts.parking.signs import SignSettings
from alerts.parking.story import BayStory
from alerts.parking.telling import Teller
from alerts.parking.verdict import BayState
from alerts.rules.settings import RuleSettings
from storage.database import Connection
from storage.failures import Retryable

_log = logging.getLogger(__name__)

EMOG_ENDS = date(2026, 12, 31)
"""Last day of the Elektromobilitätsgesetz as it stood in 2022; no extension is known here."""

RECHECK_BEFORE = timedelta(seconds=10)
"""So long before a case opens the charge point is asked again, so that the answer does not delay it."""
RECHECK_WITHIN = 5.0

_RECENT = timedelta(hours=48)
_UNCERTAIN_EVERY = timedelta(seconds=15)
_SWEEP_EVERY = timedelta(hours=1)
_STATUS_VISIBLE = timedelta(minutes=10)
"""A status that was received longer ago is committed, or never will be."""
_CHUNK = 500


class WrongParkingSettings(RuleSettings, ParkingSettings):
    """Wrong parking at charging stations."""

    kind: Literal["wrong_parking"] = Field(description="`wrong_parking`: a charging bay is taken without charging")
    signs: tuple[SignSettings, ...] = Field(
        default=(SignSettings(version="default", legal_basis_until=EMOG_ENDS),),
        description="what stands at bays whose asset has no attribute `signs` of its own",
    )


class WrongParking:
    """One configured rule of this kind.

    Args:
        recheck: asks an operator again; None where no source can be asked.
    """

    wakes = frozenset({"parking_bay", "evse_status"})
    pace = timedelta(milliseconds=300)

    def __init__(
        self, name: str, settings: WrongParkingSettings, calendar: Calendar, *, recheck: Recheck | None = None
    ) -> None:
        self.name = name
        self.version = settings.version
        self._settings = settings
        self._teller = Teller(name, settings, calendar, signs=settings.signs)
        self._recheck = recheck
        self._uplinks: dict[str, int] = {}
        self._statuses: dict[str, int] = {}
        self._due: dict[str, datetime] = {}
        self._swept_at: datetime | None = None
        self._asked: dict[str, datetime] = {}

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """What is true of the bays that may have changed; of all of them for `since`."""
        if await self._teller.renew(connection):
            self._swept_at = None
        if since is not None:
            stories = await self._teller.since(connection, since, now)
            return self._findings(stories, since)
        sites, stories = await self._to_tell(connection, now), []
        for chunk in _chunks(sites):
            stories += await self._told(connection, chunk, now)
        for story in stories:
            self._note(story, now)
        return self._findings(stories, now - _RECENT)

    # ---- which bays ---------------------------------------------------------------------------------------

    async def _to_tell(self, connection: Connection, now: datetime) -> list[Site]:
        """Bays of which something arrived or whose time has come, with all bays of their groups."""
        arrived = await self._arrived(connection, now)
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY or now < self._swept_at:
            self._swept_at = now
            return list(self._teller.sites.values())
        due = {key for key, at in self._due.items() if at <= now}
        keys = {
            key
            for key, site in self._teller.sites.items()
            if key in due or key in arrived or not arrived.isdisjoint(site.station_evses)
        }
        groups = {self._teller.sites[key].bay.group for key in keys} - {""}
        return [site for key, site in self._teller.sites.items() if key in keys or site.bay.group in groups]

    async def _arrived(self, connection: Connection, now: datetime) -> set[str]:
        """Keys of bays and charge points of which something is new since the last look."""
        uplinks = await bay_uplinks(connection)
        statuses = await newest_statuses(connection, now - _STATUS_VISIBLE)
        arrived = {key for key, count in uplinks.items() if self._uplinks.get(key) != count}
        arrived |= {evse for evse, newest in statuses.items() if self._statuses.get(evse, 0) < newest}
        self._uplinks = uplinks
        self._statuses |= statuses
        return arrived

    def _note(self, story: BayStory, now: datetime) -> None:
        """When to look at a bay again without news of it."""
        due = story.next_due
        if story.recheck_at is not None and self._recheck is not None:
            ask = story.recheck_at + self._settings.timers.lateness - RECHECK_BEFORE
            due = min(due or ask, ask) if ask > now else due
        if story.state is BayState.UNDETERMINED:
            due = min(due or now + _UNCERTAIN_EVERY, now + _UNCERTAIN_EVERY)
        if due is None:
            self._due.pop(story.bay.key, None)
        else:
            self._due[story.bay.key] = due

    # ---- their stories ------------------------------------------------------------------------------------

    async def _told(self, connection: Connection, sites: Sequence[Site], now: datetime) -> list[BayStory]:
        windows = await load_windows(connection, [site.bay.key for site in sites], now, rule=self.name)
        stories = await self._teller.stories(connection, sites, windows, now)
        asked = await self._ask(stories, now)
        return await self._teller.stories(connection, sites, windows, now) if asked else stories

    async def _ask(self, stories: Iterable[BayStory], now: datetime) -> bool:
        """Ask for the charge points of cases that are about to open, once each; True when something was asked."""
        if self._recheck is None:
            return False
        evses = list(self._to_ask(stories, now))
        if not evses:
            return False
        try:
            async with asyncio.timeout(RECHECK_WITHIN), asyncio.TaskGroup() as tasks:
                for evse in evses:
                    tasks.create_task(self._recheck.recheck(evse))
        except* (TimeoutError, Retryable):
            _log.warning("recheck_late evses=%d", len(evses))
        return True

    def _to_ask(self, stories: Iterable[BayStory], now: datetime) -> Iterator[str]:
        for story in stories:
            if story.recheck_at is None:
                continue
            if now < story.recheck_at + self._settings.timers.lateness - RECHECK_BEFORE:
                continue
            for evse in story.bay.evses:
                if self._asked.get(evse) != story.recheck_at:
                    self._asked[evse] = story.recheck_at
                    yield evse

    def _findings(self, stories: Sequence[BayStory], window_start: datetime) -> Findings:
        bays = {story.bay.key for story in stories}
        stations = {story.bay.group for story in stories if story.bay.group}
        next_due = min(self._due.values(), default=None)
        return Findings(
            self.name,
            self.version,
            tuple(cases(stories)),
            frozenset(bays | stations),
            window_start,
            explains_ends=True,
            next_due=next_due,
        )


def _chunks(sites: Sequence[Site]) -> Iterator[list[Site]]:
    """Sites in portions; those of one group stay together."""
    chunk: list[Site] = []
    for site in sorted(sites, key=lambda site: (site.bay.station, site.bay.key)):
        if len(chunk) >= _CHUNK and site.bay.station != chunk[-1].bay.station:
            yield chunk
            chunk = []
        chunk.append(site)
    if chunk:
        yield chunk
