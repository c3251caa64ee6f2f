"""What of the open cases somebody wants to see, and in which order. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from alerts.calendar import Calendar, Hours
from alerts.model import AlertState
from alerts.spans import Span
from portal.inbox.entries import Entry

Word = TypeVar("Word", bound=StrEnum)


class Tab(StrEnum):
    """The parts of the inbox."""

    OPEN = "offen"
    STAY = "parkdauer"
    """Only the maximum stay is exceeded."""
    CLOSED = "erledigt"


class Whose(StrEnum):
    """Which cases, by how far somebody is with them."""

    ALL = ""
    NEW = "neu"
    TAKEN = "in-arbeit"
    MINE = "meine"


class Since(StrEnum):
    """Which cases, by the shift."""

    ALL = ""
    THIS_SHIFT = "diese"
    BEFORE = "davor"
    """Open since before the shift began."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """The authority's working hours."""

    hours: Sequence[Hours]
    calendar: Calendar

    def began(self, now: datetime) -> datetime:
        """When the shift of now began, or the last one when none is on."""
        past = self.calendar.spans(self.hours, Span(now - timedelta(days=8), now + timedelta(microseconds=1)))
        return past[-1].start if past else now


@dataclass(frozen=True, slots=True)
class Filter:
    """What somebody chose; words of a URL, unknown ones count as no choice."""

    tab: Tab = Tab.OPEN
    district: str = ""
    whose: Whose = Whose.ALL
    since: Since = Since.ALL

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        """The choice that a URL's query makes."""
        return cls(
            _choice(Tab, query.get("ansicht"), Tab.OPEN),
            query.get("bezirk", "")[:64],
            _choice(Whose, query.get("stand"), Whose.ALL),
            _choice(Since, query.get("schicht"), Since.ALL),
        )

    @property
    def narrowed(self) -> int:
        """How many filters are set."""
        return sum(map(bool, (self.district, self.whose, self.since)))

    def url(self, **changed: str) -> str:
        """The list's URL with some of the choices changed."""
        chosen = {"ansicht": self.tab, "bezirk": self.district, "stand": self.whose, "schicht": self.since, **changed}
        shown = {name: value for name, value in chosen.items() if value and value != Tab.OPEN}
        return f"/inbox?{urlencode(shown)}" if shown else "/inbox"

    def apply(self, entries: Iterable[Entry], *, user: str, shift_began: datetime, now: datetime) -> list[Entry]:
        """The chosen open cases of the tab, the most urgent first."""
        found = [one for one in entries if one.over_stay is (self.tab is Tab.STAY) and self._wanted(one, user)]
        return sorted(
            (one for one in found if self._in_time(one, shift_began)),
            key=lambda one: (not one.notifiable, -one.priority(now), one.since),
        )

    def _wanted(self, one: Entry, user: str) -> bool:
        if self.district and one.district != self.district:
            return False
        if self.whose is Whose.MINE:
            return one.assignee == user
        return self.whose is Whose.ALL or (one.state is AlertState.OPEN) is (self.whose is Whose.NEW)

    def _in_time(self, one: Entry, shift_began: datetime) -> bool:
        return self.since is Since.ALL or (one.opened_at >= shift_began) is (self.since is Since.THIS_SHIFT)


def _choice(kind: type[Word], value: str | None, default: Word) -> Word:
    return kind(value) if value in list(kind) else default
