"""Cases counted. A case belongs to the month, weekday and hour in which its rule was fulfilled."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from alerts.parking.doubts import CONFIRMED, FALSE_ALARMS
from alerts.parking.verdict import Code, EndReason
from alerts.statistics.calendar import CELLS, HOUR, Floats, Hours
from alerts.statistics.figures import CaseFigures, Record, as_cells

OPEN: Final = "open"
WITHDRAWN: Final = "withdrawn"

DISMISSED: Final = frozenset({*FALSE_ALARMS, "SAEULE_DEFEKT", "BERECHTIGT"})
"""Outcomes that say that nobody blocked a charge point unlawfully: no hit, and no lost hour."""
BY_ITSELF: Final = frozenset({EndReason.DROVE_AWAY, EndReason.CHARGING_STARTED, EndReason.NEW_VEHICLE})
"""Ends that show that the bay is of use again; a broken charge point is none."""

_WITHOUT_SESSION: Final = frozenset({Code.V1_NO_CHARGE, Code.V2_AFTER_CHARGE})


class CaseRow(NamedTuple):
    """One case as the statistics know it: no number, no name, no note.

    Attributes:
        site: the station's key.
        sensor: DevEUI of the bay's sensor, or the site where bays share charge points.
        told: somebody was to be told of it, when it happened.
        live: it was raised when it happened, not from data that came later.
        cell, day: weekday and hour, and day of the month, of `due`, in local time.
        lost_from, lost_to: seconds since 1970 between which it blocked a charge point; None: it did not.
        lasted: seconds from the alert to the end; None while it is open.
        taken, arrived: seconds from the alert until somebody took it on, and was on site.
    """

    site: str
    sensor: str
    code: str
    codes: Sequence[str]
    state: str
    outcome: str
    reason: str
    told: bool
    live: bool
    cell: int
    day: int
    lost_from: float | None
    lost_to: float | None
    lasted: float | None
    taken: float | None
    arrived: float | None

    @property
    def end(self) -> str:
        """How it ended, in one word; what people found goes before what the engine saw."""
        return self.outcome or self.reason or OPEN

    @property
    def hit(self) -> bool:
        """True when a patrol would have found a bay blocked without a session."""
        return self.told and not _WITHOUT_SESSION.isdisjoint(self.codes) and self.outcome not in DISMISSED


def count_cases(rows: Iterable[CaseRow], hours: Hours) -> dict[str, CaseFigures]:
    """The figures of each site that had a case.

    Args:
        hours: those of the month and around it: cases began a little before it, and end after it.
    """
    by_site: dict[str, list[CaseRow]] = defaultdict(list)
    for row in rows:
        by_site[row.site].append(row)
    return {site: _counted(found, hours) for site, found in by_site.items()}


def _counted(rows: Sequence[CaseRow], hours: Hours) -> CaseFigures:
    raised = [row for row in rows if row.state != WITHDRAWN]
    hits = [row for row in raised if row.hit]
    return CaseFigures(
        cases=len(raised),
        withdrawn=len(rows) - len(raised),
        told=sum(row.told for row in raised),
        codes=Counter(row.code for row in raised),
        ends=Counter(row.end for row in raised),
        hits=as_cells(np.bincount([row.cell for row in hits], minlength=CELLS).astype(float)),
        lost=as_cells(_lost(raised, hours)),
        days=Counter(row.day for row in raised),
        cleared=_minutes(row.lasted for row in raised if not row.outcome and row.reason in BY_ITSELF),
        taken=_minutes(row.taken for row in raised if row.told and row.live),
        arrived=_minutes(row.arrived for row in raised if row.told and row.live),
        records=_records(raised),
    )


def _lost(rows: Sequence[CaseRow], hours: Hours) -> Floats:
    """Hours by weekday and hour."""
    spans = [
        (row.lost_from, max(row.lost_from, row.lost_to))
        for row in rows
        if row.lost_from is not None and row.lost_to is not None and row.outcome not in DISMISSED
    ]
    if not spans:
        return np.zeros(CELLS)
    starts, ends = np.array(spans, float).T
    return hours.per_cell(hours.seconds_in(starts, ends)) / HOUR


def _records(rows: Sequence[CaseRow]) -> dict[str, Record]:
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if row.outcome in CONFIRMED or row.outcome in FALSE_ALARMS:
            found[row.sensor][row.outcome in FALSE_ALARMS] += 1
    return {sensor: Record(confirmed=right, false=wrong) for sensor, (right, wrong) in found.items()}


def _minutes(seconds: Iterable[float | None]) -> dict[int, int]:
    return Counter(int(max(0.0, one) // 60) for one in seconds if one is not None)
