"""Cases as the list and the page of one show them, read from the database in one statement each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from alerts.changes import DISPROVED
from alerts.model import AlertState
from alerts.parking.findings import priority
from alerts.parking.verdict import Code
from portal.inbox import words
from storage.database import Connection
from storage.statements import load

_QUERIES = load("inbox")

CODES: Final = [code.value for code in Code]
MOST_OPEN: Final = 500
CALLED_OFF_FOR: Final = timedelta(minutes=30)
"""So long the list shows that a patrol need not go on."""
_MAIN: Final = frozenset({Code.V1_NO_CHARGE, Code.V2_AFTER_CHARGE})


class PointStatus(NamedTuple):
    """What a charge point said last."""

    evse: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One case.

    Attributes:
        position: of its last event; actions say which one their actor saw.
        state_at: when its state began, if a person set it.
    """

    number: str
    subject: str
    code: str
    codes: Sequence[str]
    confidence: int
    state: AlertState
    badges: Sequence[str]
    outcome: str
    reason: str
    assignee: str
    notifiable: bool
    since: datetime
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    district: str
    facts: Mapping[str, Any]
    name: str
    latitude: float | None
    longitude: float | None
    attributes: Mapping[str, Any]
    points: Sequence[PointStatus]
    position: int
    state_at: datetime | None

    @property
    def street(self) -> str:
        """Street and house number."""
        return self.name.partition(", Platz")[0]

    @property
    def bay(self) -> str:
        """The number of the bay at its station; of a group the likeliest ones."""
        if self.group is not None:
            several = self.facts.get("candidates") if self.group[0] > 1 else [self.facts.get("bay")]
            return ", ".join(sorted({str(one).rpartition("-")[2] for one in several or () if one}))
        return str(self.attributes.get("bay") or self.name.partition(", Platz")[2].strip())

    @property
    def group(self) -> tuple[int, int] | None:
        """So many of so many bays of a station, when its bays share their charge points."""
        accused, bays = self.facts.get("accused"), self.facts.get("bays")
        return (accused, bays) if isinstance(accused, int) and isinstance(bays, int) else None

    @property
    def what(self) -> str:
        """The reason in plain words; what was added later counts when it is more serious."""
        return words.CODES.get(self.leading, self.leading)

    @property
    def leading(self) -> str:
        """The code that decides about the tab and the order."""
        order = [code.value for code in Code]
        return min((code for code in self.codes if code in order), key=order.index, default=self.code)

    @property
    def over_stay(self) -> bool:
        """True when only the maximum stay is exceeded: a tab of its own, because charging cars overstay, too."""
        return not _MAIN & set(self.codes)

    @property
    def confidence_word(self) -> str:
        """Its band: high or medium."""
        return words.confidence(self.confidence)

    @property
    def ended(self) -> bool:
        """True in the end states."""
        return self.state.ended

    @property
    def called_off(self) -> bool:
        """True when it ended by itself while somebody was on it, and nobody said yet that they know."""
        return self.ended and not self.outcome and bool(self.assignee) and self.reason != DISPROVED

    @property
    def end_word(self) -> str:
        """How it ended: the outcome of a person, or the reason why it ended by itself."""
        if self.outcome:
            return words.OUTCOMES.get(self.outcome, self.outcome)
        return words.ENDS.get(self.reason, self.reason)

    def priority(self, now: datetime) -> float:
        """Its place in the list: confidence, weight of the code and age."""
        code = Code(self.leading) if self.leading in CODES else Code.V4_IDLE_PLUGGED
        return priority(code, self.confidence, self.since, now)


async def open_cases(connection: Connection) -> list[Entry]:
    """All open cases, at most `MOST_OPEN`."""
    values = {"codes": CODES, "limit": MOST_OPEN}
    return await _entries(connection, "open_cases", values)


async def called_off(connection: Connection, now: datetime) -> list[Entry]:
    """Cases that ended by themselves a moment ago while somebody was on the way or there."""
    return await _entries(connection, "called_off", {"codes": CODES, "since": now - CALLED_OFF_FOR})


async def closed_cases(connection: Connection, *, before: datetime, district: str, limit: int) -> list[Entry]:
    """Closed cases, the latest first."""
    values = {"codes": CODES, "before": before, "district": district, "limit": limit}
    return await _entries(connection, "closed_cases", values)


async def one_case(connection: Connection, number: str) -> Entry | None:
    """The case of `number`; None without one."""
    found = await _entries(connection, "one_case", {"codes": CODES, "number": number})
    return found[0] if found else None


async def _entries(connection: Connection, query: str, values: Mapping[str, object]) -> list[Entry]:
    return [_entry(row) for row in await (await connection.execute(_QUERIES[query], values)).fetchall()]


def _entry(row: Sequence[Any]) -> Entry:
    fields = list(row)
    fields[5] = AlertState(fields[5])
    fields[-3] = [PointStatus(evse, status, datetime.fromisoformat(at)) for evse, status, at in fields[-3] or ()]
    fields[-2] = fields[-2] or 0
    return Entry(*fields)
