"""The rule `wrong_parking`: an occupied charging bay without a session, by the stories of alerts/parking.

Only bays of which something arrived, or whose time has come, are told again; what that means is in memory and can be
lost at any time. Shortly before a case opens, the operator is asked for the charge point once more.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import Field

from alerts.calendar import Calendar
from alerts.charging.status import StatusEvent
from alerts.charging.store import Recheck
from alerts.model import Disproof, Finding, Findings
from alerts.parking.disproof import Told
from alerts.parking.findings import cases
from alerts.parking.loading import Site, load_windows, open_subjects
from alerts.parking.settings import ParkingSettings
from alerts.parking.signs import SignSettings
from alerts.parking.story import BayStory
from alerts.parking.telling import Teller
from alerts.parking.verdict import BayState
from alerts.rules.awaited import Awaited
from alerts.rules.news import News, next_sweep
from alerts.rules.settings import RuleSettings
from alerts.rules.streets import portions, with_groups
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
_AT_ONCE = 500
"""So many bays' histories are in memory at once."""
_ASK_AGAIN = timedelta(seconds=5)
_A_MOMENT = timedelta(microseconds=1)


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

    wakes = frozenset({"parking_bay", "evse_status", "evse_contact"})
    pace = timedelta(milliseconds=300)

    def __init__(
        self, name: str, settings: WrongParkingSettings, calendar: Calendar, *, recheck: Recheck | None = None
    ) -> None:
        self.name = name
        self.version = settings.version
        self._settings = settings
        self._teller = Teller(name, settings, calendar, signs=settings.signs)
        self._recheck = recheck
        self._news = News()
        self._awaited = Awaited(settings.timers)
        self._due: dict[str, datetime] = {}
        self._told_at: datetime | None = None
        self._asked: dict[str, datetime] = {}

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """What is true of the bays that may have changed."""
        assert since is None, "history is told by `ParkingPast`"
        if await self._teller.renew(connection):
            self._told_at, self._due = None, {}
        sites = await self._to_tell(connection, now)
        stories: list[BayStory] = []
        found: list[Finding] = []
        gone: list[Disproof] = []
        for portion in portions(sites, _AT_ONCE):
            told = await self._told(connection, portion, now)
            said = cases(told.stories)
            gone += await self._teller.disproved(connection, told, said, version=self.version)
            found += said
            stories += told.stories
        for story in stories:
            self._note(story, now)
        return self._findings(stories, found, gone, now - _RECENT)

    # ---- which bays ---------------------------------------------------------------------------------------

    async def _to_tell(self, connection: Connection, now: datetime) -> list[Site]:
        """Bays of which something arrived or whose time has come, with all bays of their groups."""
        sites = self._teller.sites
        new = await self._news.read(connection, now) | await self._awaited.read(connection, sites, now)
        told_at, self._told_at = self._told_at, now
        if told_at is None or now < told_at:
            return list(sites.values())
        keys = {key for key, at in self._due.items() if at <= now}
        keys |= {key for key, site in sites.items() if key in new or not new.isdisjoint(site.station_evses)}
        return with_groups(sites, keys)

    def _note(self, story: BayStory, now: datetime) -> None:
        """When to look at a bay again without news of it."""
        due = story.next_due
        if story.recheck_at is not None and self._recheck is not None:
            ask = story.recheck_at + self._settings.timers.lateness - RECHECK_BEFORE
            due = min(due or ask, ask) if ask > now else due
        again = now + _UNCERTAIN_EVERY if story.state is BayState.UNDETERMINED else next_sweep(story.bay.key, now)
        self._due[story.bay.key] = min(due or again, again)
        self._awaited.note(story)

    # ---- their stories ------------------------------------------------------------------------------------

    async def _told(self, connection: Connection, sites: Sequence[Site], now: datetime) -> Told:
        windows = await load_windows(connection, sites, now, rule=self.name, timers=self._settings.timers)
        stories = await self._teller.stories(connection, sites, windows, now)
        evses = await self._to_ask(connection, stories, now) if self._recheck is not None else []
        if not evses:
            return Told(stories, windows, now)
        answered_at = await self._ask(evses, now)
        if answered_at is None:  # nothing of them is said until somebody answered, if only that nobody can
            self._asked = {evse: at for evse, at in self._asked.items() if evse not in evses}
            waiting = {story.bay.key for story in stories if not set(evses).isdisjoint(story.bay.evses)}
            self._due |= dict.fromkeys(waiting, now + _ASK_AGAIN)
            groups = {story.bay.group for story in stories if story.bay.key in waiting} - {""}
            sure = [story for story in stories if story.bay.key not in waiting and story.bay.group not in groups]
            return Told(sure, windows, now)
        return Told(await self._teller.stories(connection, sites, windows, answered_at), windows, answered_at)

    async def _ask(self, evses: Sequence[str], now: datetime) -> datetime | None:
        """Ask for the charge points of cases that are about to open; from when all answers are known, None: never."""
        assert self._recheck is not None
        asked: list[asyncio.Task[StatusEvent | None]] = []
        try:
            async with asyncio.timeout(RECHECK_WITHIN), asyncio.TaskGroup() as tasks:
                asked += [tasks.create_task(self._recheck.recheck(evse)) for evse in evses]
        except* (TimeoutError, Retryable):
            _log.warning("recheck_late evses=%d", len(evses))
            asked = []
        if not asked:
            return None
        answers = [answer for answer in (task.result() for task in asked) if answer is not None]
        return max([now, *(min(answer.at, answer.received_at) + _A_MOMENT for answer in answers)])

    async def _to_ask(self, connection: Connection, stories: Sequence[BayStory], now: datetime) -> list[str]:
        """Charge points of cases that are about to open, and of those that just did: their proof came late."""
        proven_late = [story.bay for story in stories if story.proven_late_at is not None]
        late = [name for bay in proven_late for name in (bay.group, bay.key) if name]
        told = await open_subjects(connection, late, rule=self.name) if late else set()
        found: list[str] = []
        for story in stories:
            due_at = story.recheck_at
            if due_at is None and told.isdisjoint((story.bay.group, story.bay.key)):
                due_at = story.proven_late_at
            if due_at is not None and now >= due_at + self._settings.timers.lateness - RECHECK_BEFORE:
                found += [evse for evse in story.bay.evses if self._asked.get(evse) != due_at]
                self._asked |= dict.fromkeys(story.bay.evses, due_at)
        return found

    def _findings(
        self,
        stories: Sequence[BayStory],
        found: Sequence[Finding],
        gone: Sequence[Disproof],
        window_start: datetime,
    ) -> Findings:
        bays = {story.bay.key for story in stories}
        stations = {story.bay.group for story in stories if story.bay.group}
        return Findings(
            self.name,
            self.version,
            tuple(found),
            frozenset(bays | stations),
            window_start,
            explains_ends=True,
            next_due=min(self._due.values(), default=None),
            disproved=tuple(gone),
        )
