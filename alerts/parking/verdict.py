"""What the state machine of a bay says: states, transitions, cases. The closed sets and the data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from alerts.parking.confidence import Part
from alerts.parking.inputs import Sign
from alerts.parking.occupancy import Occupancy


class BayState(StrEnum):
    """Where a bay is."""

    FREE = "FREE"
    ARRIVED = "ARRIVED"
    CHARGING = "CHARGING"
    POST_CHARGE = "POST_CHARGE"
    SUSPECT = "SUSPECT"
    VIOLATION = "VIOLATION"
    EXEMPT = "EXEMPT"
    UNDETERMINED = "UNDETERMINED"
    DISABLED = "DISABLED"


class Code(StrEnum):
    """What is wrong."""

    V1_NO_CHARGE = "V1_NO_CHARGE"
    V2_AFTER_CHARGE = "V2_AFTER_CHARGE"
    V3_MAX_STAY = "V3_MAX_STAY"
    V4_IDLE_PLUGGED = "V4_IDLE_PLUGGED"


class EndReason(StrEnum):
    """Why a case ended by itself."""

    DROVE_AWAY = "drove_away"
    CHARGING_STARTED = "charging_started"
    STATION_DOWN = "station_down"
    NEW_VEHICLE = "new_vehicle"
    OUT_OF_SERVICE = "out_of_service"


class Transition(NamedTuple):
    """One step of the machine, for the evidence."""

    at: datetime
    state: BayState
    reason: str


class Raised(NamedTuple):
    """One code of a case: when it was fulfilled, and when the case opened with it."""

    code: Code
    due_at: datetime
    opened_at: datetime


@dataclass(slots=True)
class Case:
    """The case of one occupancy.

    Attributes:
        raised: its codes, the first one first.
        ended_at, end_reason: None while it is open; a later code opens it again.
        parts: of the confidence, as known when it was opened or last confirmed.
        notifiable: False when it is only counted.
    """

    raised: list[Raised] = field(default_factory=list)
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    parts: Sequence[Part] = ()
    notifiable: bool = False

    @property
    def open(self) -> bool:
        """True while it is not ended."""
        return bool(self.raised) and self.ended_at is None

    @property
    def codes(self) -> list[Code]:
        """Its codes, each once."""
        return list(dict.fromkeys(one.code for one in self.raised))


@dataclass(slots=True)
class Verdict:
    """What happened in one occupancy.

    Attributes:
        counted: codes that were fulfilled but make no case: outside the hours, or by policy.
        uncertain: an open case whose data are not fresh.
        recheck_at: when the charge point should be asked again before a case opens; None when nothing waits.
        proven_late_at: when an open case was due, as long as its proof may just have come: nobody was asked before.
        next_due: the earliest time at which something changes without new data.
        group: the bays that its case is about, when they shared their charge points; empty for the bay alone.
    """

    occupancy: Occupancy
    sign: Sign | None
    state: BayState
    transitions: list[Transition] = field(default_factory=list)
    case: Case = field(default_factory=Case)
    counted: dict[Code, datetime] = field(default_factory=dict)
    legal_end: datetime | None = None
    uncertain: bool = False
    recheck_at: datetime | None = None
    proven_late_at: datetime | None = None
    next_due: datetime | None = None
    group: str = ""


def latest_opening(case: Case) -> datetime:
    """When a case was opened last, by any of its codes."""
    return max(one.opened_at for one in case.raised)
