"""Bays whose next step waits for nothing but a contact with the operator: judged when it is committed, not later.

Idle time counts up to the last contact. Where operators are polled every few minutes, a case is mostly proved by a poll
that told nothing new. So every contact calls the rule, which looks at the bays that only wait for one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from alerts.parking.loading import Site
from alerts.parking.settings import Timers
from alerts.parking.story import BayStory
from alerts.parking.verdict import BayState, Transition
from alerts.spans import Span
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alert_rules")
_LONG = timedelta(days=1)


class Awaited:
    """Remembers which bays wait for a contact, and the newest one of each charge point."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._waiting: dict[str, Span] = {}
        self._contacts: Mapping[str, datetime] = {}

    def note(self, story: BayStory) -> None:
        """Whether a bay waits, as it was told last."""
        span = waits_for_contact(story, self._timers)
        if span is None:
            self._waiting.pop(story.bay.key, None)
        else:
            self._waiting[story.bay.key] = span

    async def read(self, connection: Connection, sites: Mapping[str, Site], now: datetime) -> set[str]:
        """Keys of bays of which a contact may have proved what they waited for, since the last time."""
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
