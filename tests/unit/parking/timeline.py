"""Timelines as tests read them: minutes from an arrival, what sensor and charge point said, what is expected."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alerts.calendar import Calendar
from alerts.charging.status import EvseState
from alerts.parking.inputs import Bay, Doubts, History, Link, Regime, Sighting, Sign, Status
from alerts.parking.settings import ParkingSettings
from alerts.parking.story import BayStory, Rulebook, tell
from alerts.parking.verdict import Code, Verdict
from alerts.spans import Span
from decoders.readings import BayEvent

EVSE = "DEMZXE1"
RULES = Rulebook(ParkingSettings(), Calendar())
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
"""12:00 in Mainz, a Tuesday."""


def minutes(value: float) -> timedelta:
    return timedelta(minutes=value)


@dataclass
class Timeline:
    """The history of one bay with its own charge point; times in minutes from `start`."""

    start: datetime = NOON
    sign: Sign = field(default_factory=lambda: Sign(Regime.EV_CHARGING, max_stay=timedelta(hours=2)))
    key: str = "LS01-1"
    evses: tuple[str, ...] = (EVSE,)
    group: str = ""
    sightings: list[Sighting] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    contacts: list[Span] = field(default_factory=list)
    points_free: list[Span] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    doubts: Doubts = field(default_factory=Doubts)
    _f_cnt: int = 0

    def at(self, minute: float) -> datetime:
        return self.start + minutes(minute)

    def sees(self, minute: float, occupied: bool | None, *, heartbeat: bool = False, lost: int = 0) -> "Timeline":
        """A message of the sensor, after `lost` ones that nobody heard."""
        self._f_cnt += 1 + lost
        event = BayEvent.HEARTBEAT if heartbeat else BayEvent.STARTUP if occupied is None else BayEvent.CHANGE
        self.sightings.append(Sighting(self.at(minute), occupied, event, self._f_cnt, "1"))
        return self

    def point(self, minute: float, state: EvseState, *, evse: str = EVSE, raw: str = "") -> "Timeline":
        self.statuses.append(Status(evse, self.at(minute), state, raw, id=len(self.statuses)))
        return self

    def linked(self, first: float, last: float) -> "Timeline":
        """The operator's link was in contact from minute `first` to `last`."""
        self.contacts.append(Span(self.at(first), self.at(last)))
        return self

    @property
    def bay(self) -> Bay:
        return Bay(
            self.key, self.key.partition("-")[0], self.evses, group=self.group, signs=(self.sign,), links=self.links
        )

    @property
    def history(self) -> History:
        return History(
            sightings=self.sightings,
            statuses=self.statuses,
            contacts=self.contacts,
            points_free=self.points_free,
            doubts=self.doubts,
        )

    def story(self, minute: float) -> BayStory:
        """What is known at `minute`; contacts later than that did not happen yet."""
        [story] = tell([self.bay], {self.key: self.history}, RULES, self.at(minute))
        return story

    def verdict(self, minute: float) -> Verdict:
        return self.story(minute).verdicts[-1]

    def codes(self, minute: float) -> list[Code]:
        """Codes of all cases up to `minute`, ended ones included."""
        return [code for verdict in self.story(minute).verdicts for code in verdict.case.codes]

    def without(self, *sightings: int) -> "Timeline":
        """The same, with some of the sensor's messages lost."""
        kept = [one for place, one in enumerate(self.sightings) if place not in sightings]
        return replace(self, sightings=kept)


def free_before(timeline: Timeline) -> Timeline:
    """An hour of a free bay and an idle charge point before the first minute."""
    return timeline.sees(-60, False, heartbeat=True).point(-120, EvseState.IDLE).linked(-120, 600)


def group_stories(timelines: Sequence[Timeline], minute: float) -> list[BayStory]:
    """The stories of bays that share their charge points; statuses and contacts are the first one's."""
    first = timelines[0]
    histories = {one.key: replace(one.history, statuses=first.statuses, contacts=first.contacts) for one in timelines}
    return tell([one.bay for one in timelines], histories, RULES, first.at(minute))
