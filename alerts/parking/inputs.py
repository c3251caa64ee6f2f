"""What a bay's story is told from: sightings, statuses, contacts, signs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from alerts.calendar import ALWAYS, Hours
from alerts.charging.status import EvseState
from alerts.spans import Span, Spans
from decoders.readings import BayEvent

EVER: Final = Span(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class Regime(StrEnum):
    """What a bay's signs reserve it for."""

    EV_CHARGING = "EV_CHARGING"
    """Zeichen 314 with 1010-66 and 1053-54: electric vehicles while they charge."""
    EV_ONLY = "EV_ONLY"
    """Zeichen 314 with 1010-66: electric vehicles; that none charges is a hint of lower priority."""
    CHARGING_TEXT = "CHARGING_TEXT"
    """Zeichen 314 with the text sign 1050-32: while charging."""
    NONE = "NONE"
    """Not properly signed: nothing can be accused."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What stands at a bay for a time: regime, hours, longest stay.

    Attributes:
        version: names the order and photo that it is from, for the evidence.
        reservation, stay_hours: when the reservation and the longest stay hold.
        max_stay: None: no parking disc.
        legal_basis_until: when the law that it rests on ends, as far as it is known.
    """

    regime: Regime
    version: str = ""
    valid: Span | None = None
    reservation: Sequence[Hours] = ALWAYS
    stay_hours: Sequence[Hours] = ALWAYS
    max_stay: timedelta | None = None
    legal_basis_until: datetime | None = None


class Link(NamedTuple):
    """A charge point that serves a bay for a time; `shared`: any bay of its group may use it."""

    evse: str
    valid: Span
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Bay:
    """One bay.

    Attributes:
        key: the asset's key.
        evses: charge points that serve it now, by their normalised keys.
        group: bays with which it shares charge points at some time (its station); empty for a bay with its own.
        signs: in order of validity.
        out_of_service: maintenance, roadworks: nothing is accused.
        links: which charge point served it when; none: `evses`, ever since.
    """

    key: str
    station: str
    evses: tuple[str, ...]
    group: str = ""
    signs: Sequence[Sign] = ()
    out_of_service: Spans = ()
    links: Sequence[Link] = ()

    @property
    def served(self) -> Sequence[Link]:
        """Every charge point that served it, and when."""
        return self.links or [Link(evse, EVER, bool(self.group)) for evse in self.evses]

    def shares(self, at: datetime) -> bool:
        """True when it shared its charge points at `at`."""
        return any(link.shared and link.valid.covers(at) for link in self.served)


class Sighting(NamedTuple):
    """One message of a bay's sensor.

    Attributes:
        at: event time.
        occupied: None when it says nothing about the bay (start-up, blocked sensor).
        f_cnt, session: frame counter, and what tells LoRaWAN sessions apart (`dev_addr`).
        uplink: key of the stored uplink, for the evidence.
        until: when the sensor was taken from the bay: from then on its word is none.
    """

    at: datetime
    occupied: bool | None
    event: BayEvent = BayEvent.CHANGE
    f_cnt: int = 0
    session: str = ""
    uplink: str = ""
    until: datetime = EVER.end


class Frame(NamedTuple):
    """One uplink of the sensor, whatever it said."""

    at: datetime
    session: str
    f_cnt: int


class Status(NamedTuple):
    """One status of a charge point, valid from `at` until its next."""

    evse: str
    at: datetime
    state: EvseState
    raw: str = ""
    source: str = ""
    id: int = 0


class Lesson(NamedTuple):
    """What people found in a case: `since` when the vehicle stood there, `at` when it was known."""

    since: datetime
    at: datetime
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Doubts:
    """What lowers or raises confidence and is not seen in the bay's own messages.

    Attributes:
        learning: when the sensor was new to its place, or had just been started.
        battery_low: when its last word about its battery was a bad one.
        neighbour_changes: changes of the other bays at the station.
        second_sensor: when a sensor of another make said that the bay is occupied.
        sensors: when which sensor was in the bay, one span for each: it answers for its own cases only.
        lessons: what people found in past cases of the bay.
    """

    learning: Spans = ()
    battery_low: Spans = ()
    neighbour_changes: Sequence[datetime] = ()
    second_sensor: Spans = ()
    sensors: Spans = ()
    lessons: Sequence[Lesson] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is known of one bay.

    Attributes:
        sightings, statuses: in any order, repeats allowed.
        frames: every frame of the sensor; without any, the sightings' own.
        contacts: when the source of the statuses was in contact: the last contact of a span is its end.
        points_free: when another charge point of the station was free; only then is a long stay no alert.
    """

    sightings: Sequence[Sighting] = ()
    frames: Sequence[Frame] = ()
    statuses: Sequence[Status] = ()
    contacts: Spans = ()
    points_free: Spans = ()
    doubts: Doubts = field(default_factory=Doubts)
