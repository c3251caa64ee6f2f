"""Wrong parking whose last proof is a contact with the operator: judged when the contact is committed, not later.

Idle time counts up to the last contact. Where operators are polled every few minutes, a case is mostly proved by a poll
that told nothing new. So every contact calls the rule, which looks at the bays that only wait for one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from alerts.calendar import Calendar
from alerts.charging.store import Recheck
from alerts.parking.settings import Timers
from alerts.parking.story import BayStory
from alerts.parking.verdict import BayState, Transition
from alerts.rules.wrong_parking import WrongParking, WrongParkingSettings
from alerts.spans import Span
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alert_rules")
_LONG = timedelta(days=1)


class PromptParking(WrongParking):
    """The rule, called by contacts, too."""

    wakes = WrongParking.wakes | {"evse_contact"}

    def __init__(
        self, name: str, settings: WrongParkingSettings, calendar: Calendar, *, recheck: Recheck | None = None
    ) -> None:
        super().__init__(name, settings, calendar, recheck=recheck)
        self._waiting: dict[str, Span] = {}
        self._contacts: Mapping[str, datetime] = {}

    async def _arrived(self, connection: Connection, now: datetime) -> set[str]:
        return await super()._arrived(connection, now) | await self._proved(connection, now)

    async def _proved(self, connection: Connection, now: datetime) -> set[str]:
        """Bays of which a contact may have proved what they waited for."""
        sites = self._teller.sites
        waiting = {key: span.start for key, span in self._waiting.items() if span.covers(now) and key in sites}
        evses = sorted({evse for key in waiting for evse in sites[key].bay.evses})
        if not evses:
            return set()
        rows = await (await connection.execute(_QUERIES["newest_contacts"], (evses,))).fetchall()
        before, self._contacts = self._contacts, dict(rows)
        news = {evse: at for evse, at in self._contacts.items() if before.get(evse) != at}
        return {
            key
            for key, since in waiting.items()
            if any(evse in news and news[evse] >= since for evse in sites[key].bay.evses)
        }

    def _note(self, story: BayStory, now: datetime) -> None:
        super()._note(story, now)
        span = waits_for_contact(story, self._settings.timers)
        if span is None:
            self._waiting.pop(story.bay.key, None)
        else:
            self._waiting[story.bay.key] = span


def waits_for_contact(story: BayStory, timers: Timers) -> Span | None:
    """When nothing but a contact is missing for the next step of a bay, at the earliest and at the latest. Pure.

    After the latest time something else keeps it (hours, a charge point that works again), and timers do.
    """
    if not story.verdicts:
        return None
    verdict = story.verdicts[-1]
    step, since = verdict.transitions[-1], verdict.occupancy.since
    if step.state is BayState.UNDETERMINED:
        return Span(step.at, step.at + _LONG)
    if step.state is BayState.ARRIVED:
        missing = timers.grace
    elif step.state is BayState.POST_CHARGE:
        missing, since = timers.after_charge, _session_ended(verdict.transitions)
    else:
        return None
    return Span(since + missing, max(since, step.at) + missing + timers.preparing + timers.evse_stale)


def _session_ended(steps: Sequence[Transition]) -> datetime:
    """The first step after the last session."""
    return list(takewhile(lambda step: step.state is not BayState.CHARGING, reversed(steps)))[-1].at
