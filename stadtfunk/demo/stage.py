"""Scenes: what happens on the bays because somebody started the demo, so that within minutes there is something to see.

The city's own cars come and go as `parking` draws them, and at night nobody comes. Around every start of the demo a few
more cars stand on bays that are free, one for each thing that can become of a case, and the operator's link fails once.
The draws of the city's own cars do not depend on them, so that a city without scenes is the same everywhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from stadtfunk.demo.clock import DAY, MINUTE, SECOND, Day, nanoseconds
from stadtfunk.demo.device import Asset
from stadtfunk.demo.parking import (
    EvseState,
    EvseStatus,
    Interval,
    Occupancy,
    ParkingDay,
    ParkingProcess,
    Stay,
    evse_of,
)
from stadtfunk.demo.settings import ParkingSettings

_APART = 5 * MINUTE
"""Between a scene's car and any other on the same bay."""
_BACKEND = 12 * SECOND


@dataclass(frozen=True, slots=True)
class Scene:
    """One car; all times in minutes from the start of the demo.

    Attributes:
        broken: when the charge point is out of order.
    """

    stay: Stay
    arrives: int
    leaves: int
    session: tuple[int, int] | None = None
    broken: tuple[int, int] | None = None


SCENES = (
    Scene(Stay.COMBUSTION, -38, 6),  # a case that ends while somebody looks on
    Scene(Stay.UNPLUGGED, -77, 150),  # an old one, confirmed by a heartbeat
    Scene(Stay.CHARGING, -24, 170, session=(9, 165)),  # plugged in late: the case ends with the session
    Scene(Stay.CHARGING, -150, 55, session=(-146, -28)),  # charged, and stayed
    Scene(Stay.COMBUSTION, -8, 75),  # a case that opens while somebody looks on
    Scene(Stay.DEAD_CHARGER, -45, 30, broken=(-130, 240)),  # nobody can charge here: no case
    Scene(Stay.COMBUSTION, 3, 48),
)
LINK_OUTAGES = ((-1620, -1575), (80, 110))
"""When nothing comes from the operator, in minutes from the start: yesterday, and later on."""


class Stage:
    """The bays day after day, scenes included. Days must be taken in order.

    Args:
        starts: when the demo was started: each brings its scenes; bays that are taken are left alone.
    """

    def __init__(
        self, settings: ParkingSettings, seed: int, bays: Sequence[Asset], starts: Sequence[datetime] = ()
    ) -> None:
        self._process = ParkingProcess(settings, seed, bays)
        self._starts = sorted(map(nanoseconds, starts))
        self._evses = [evse_of(bays, index) for index in range(len(bays))]
        self._choice = _by_station(bays)
        self._waiting = [(start, scene) for start in self._starts for scene in SCENES]
        self._standing: dict[int, list[Interval]] = {}
        self._scenes: dict[int, list[Interval]] = {}

    def advance(self, day: Day) -> ParkingDay:
        """What begins on `day`."""
        own = self._process.advance(day)
        self._remember(own.occupancies, day)
        played = list(self._play(day))
        cars = [stay for stay in own.occupancies if not self._in_the_way(stay)]
        gone = set(own.occupancies) - set(cars)
        statuses = [one for one in own.statuses if not self._unheard_of(one, gone)]
        statuses += [status for scene, stay, start in played for status in self._statuses(scene, stay, start)]
        return ParkingDay(
            tuple(sorted([*cars, *(stay for _, stay, _ in played)], key=lambda stay: stay.arrived_at)),
            tuple(sorted((self._through(one) for one in statuses), key=lambda status: status.sent_at)),
        )

    def link_outages(self, number: int) -> list[Interval]:
        """Intervals that begin on a day and in which nothing comes from the operator."""
        staged = [
            Interval(start + began * MINUTE, start + ended * MINUTE)
            for start in self._starts
            for began, ended in LINK_OUTAGES
        ]
        return [*self._process.link_outages(number), *(gap for gap in staged if gap.began // DAY == number)]

    # ---- which bay a scene's car takes --------------------------------------------------------------------

    def _remember(self, stays: Sequence[Occupancy], day: Day) -> None:
        """The city's own cars that still stand there, and those of today."""
        for bay, spans in self._standing.items():
            self._standing[bay] = [span for span in spans if span.ended + _APART > day.start]
        for stay in stays:
            self._standing.setdefault(stay.bay, []).append(Interval(stay.arrived_at, stay.left_at))

    def _play(self, day: Day) -> Iterator[tuple[Scene, Occupancy, int]]:
        for start, scene in [one for one in self._waiting if _first(*one) // DAY <= day.number]:
            self._waiting.remove((start, scene))
            bay = self._free_bay(start, scene)
            if bay is not None:
                stay = _occupancy(bay, start, scene)
                self._scenes.setdefault(bay, []).append(Interval(_first(start, scene), _last(start, scene)))
                yield scene, stay, start

    def _free_bay(self, start: int, scene: Scene) -> int | None:
        """A bay without another car when the scene's car comes, and whose charge point works all the time."""
        begin, end = _first(start, scene), _last(start, scene)
        for bay in self._choice:
            taken = [one for one in self._standing.get(bay, ()) if one.began <= start + scene.arrives * MINUTE]
            taken += [*self._scenes.get(bay, ()), *self._process.faults(bay)]
            if all(one.ended + _APART <= begin or end + _APART <= one.began for one in taken):
                return bay
        return None

    def _in_the_way(self, stay: Occupancy) -> bool:
        return any(one.began - _APART < stay.arrived_at < one.ended + _APART for one in self._scenes.get(stay.bay, ()))

    # ---- what the operator says of it ---------------------------------------------------------------------

    def _unheard_of(self, status: EvseStatus, gone: set[Occupancy]) -> bool:
        """True for a status of a car that did not come, and for what would disturb a scene."""
        for bay, spans in self._scenes.items():
            if self._evses[bay] == status.evse_id and any(one.began <= status.at <= one.ended for one in spans):
                return True
        sessions = {(self._evses[stay.bay], at) for stay in gone for at in (stay.plugged_at, stay.unplugged_at)}
        return (status.evse_id, status.at) in sessions and status.state is not EvseState.OUTOFORDER

    def _statuses(self, scene: Scene, stay: Occupancy, start: int) -> Iterator[EvseStatus]:
        evse_id = self._evses[stay.bay]
        spans = ((EvseState.CHARGING, scene.session), (EvseState.OUTOFORDER, scene.broken))
        for state, span in spans:
            if span is not None:
                for word, minute in ((state, span[0]), (EvseState.AVAILABLE, span[1])):
                    at = start + minute * MINUTE
                    yield EvseStatus(evse_id, word, at, at + _BACKEND, lost=False)

    def _through(self, status: EvseStatus) -> EvseStatus:
        """The status, lost when the link was down."""
        numbers = (status.sent_at // DAY - 1, status.sent_at // DAY)
        gaps = [gap for number in numbers for gap in self.link_outages(number)]
        if status.lost or not any(gap.began <= status.sent_at < gap.ended for gap in gaps):
            return status
        return EvseStatus(status.evse_id, status.state, status.at, status.sent_at, lost=True)


def _first(start: int, scene: Scene) -> int:
    """When the scene begins."""
    return start + min(scene.arrives, *(scene.broken or (scene.arrives,))) * MINUTE


def _last(start: int, scene: Scene) -> int:
    """When the scene is over."""
    return start + max(scene.leaves, *(scene.broken or (scene.leaves,))) * MINUTE


def _occupancy(bay: int, start: int, scene: Scene) -> Occupancy:
    plugged_at, unplugged_at = (None, None) if scene.session is None else scene.session
    arrived_at, left_at = start + scene.arrives * MINUTE, start + scene.leaves * MINUTE
    return Occupancy(
        bay,
        scene.stay,
        arrived_at,
        left_at,
        None if plugged_at is None else start + plugged_at * MINUTE,
        None if unplugged_at is None else start + unplugged_at * MINUTE,
        staged=True,
    )


def _by_station(bays: Sequence[Asset]) -> list[int]:
    """Bays with a charge point of their own, the first of every station first: cars seldom come beside each other."""
    own = [index for index, bay in enumerate(bays) if bay.attributes["mapping"] == "FIXED"]
    return sorted(own, key=lambda index: (str(bays[index].attributes["bay"]), index))
