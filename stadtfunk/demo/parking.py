"""What happens on the charging bays: cars arrive, plug in, charge, stay; charge points work or not.

A thinned non-homogeneous Poisson process per bay; an arrival at an occupied bay is lost. The process knows the
truth; what sensors report of it is in `bays.py`, what the charge-point operator reports are the `EvseStatus`es.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from stadtfunk.demo.clock import DAY, HOUR, MINUTE, SECOND, Day, random_stream
from stadtfunk.demo.device import Asset
from stadtfunk.demo.settings import ParkingSettings


class Stay(StrEnum):
    """Why a car stands on the bay."""

    CHARGING = "charging"
    UNPLUGGED = "electric car, not plugged in"
    SHORT_STOP = "short stop"
    COMBUSTION = "combustion car"
    DELIVERY = "delivery"
    DEAD_CHARGER = "found the charge point out of order"


@dataclass(frozen=True, slots=True)
class Occupancy:
    """One car on one bay; times in nanoseconds. `plugged_at` and `unplugged_at` are None without a session.

    Attributes:
        staged: it came for somebody who looks at the demo.
    """

    bay: int
    stay: Stay
    arrived_at: int
    left_at: int
    plugged_at: int | None = None
    unplugged_at: int | None = None
    staged: bool = False


class Interval(NamedTuple):
    """A span of time in nanoseconds, the end not included."""

    began: int
    ended: int


class EvseState(StrEnum):
    """What a charge point says, in OCPI's words."""

    AVAILABLE = "AVAILABLE"
    CHARGING = "CHARGING"
    OUTOFORDER = "OUTOFORDER"


@dataclass(frozen=True, slots=True)
class EvseStatus:
    """A status push of a charge point: `at` it became true, `sent_at` the back-end sent it; `lost` ones never came."""

    evse_id: str
    state: EvseState
    at: int
    sent_at: int
    lost: bool


@dataclass(frozen=True, slots=True)
class ParkingDay:
    """Occupancies and charge-point statuses that begin on a day."""

    occupancies: tuple[Occupancy, ...]
    statuses: tuple[EvseStatus, ...]


class ParkingProcess:
    """The bays, day after day: who still stands there is remembered, so days must be taken in order."""

    def __init__(self, settings: ParkingSettings, seed: int, bays: Sequence[Asset]) -> None:
        self._settings = settings
        self._seed = seed
        self._evses = [evse_of(bays, index) for index in range(len(bays))]
        self._free_at = [0] * len(bays)
        self._faults: list[list[Interval]] = [[] for _ in bays]
        self._outages: dict[int, list[Interval]] = {}

    def advance(self, day: Day) -> ParkingDay:
        """What begins on `day`."""
        rng = random_stream(self._seed, "parking", day.number)
        rates = self._rates(day)
        occupancies: list[Occupancy] = []
        statuses: list[EvseStatus] = []
        for bay, evse_id in enumerate(self._evses):
            statuses += self._break_down(bay, day, rng)
            for arrived_at in self._arrivals(day, rates, rng):
                if arrived_at >= self._free_at[bay]:
                    occupancy = self._occupancy(bay, arrived_at, rng)
                    self._free_at[bay] = occupancy.left_at
                    occupancies.append(occupancy)
                    statuses += self._session(evse_id, occupancy, rng)
        return ParkingDay(
            tuple(sorted(occupancies, key=lambda occupancy: occupancy.arrived_at)),
            tuple(sorted(statuses, key=lambda status: status.sent_at)),
        )

    def link_outages(self, number: int) -> list[Interval]:
        """Intervals that begin on a day and in which no status of any charge point comes through."""
        known = self._outages.get(number)
        if known is None:
            settings = self._settings
            rng = random_stream(self._seed, "charge-point link", number)
            begins = rng.random(rng.poisson(settings.link_outages_per_day)) * DAY + number * DAY
            lengths = rng.exponential(settings.link_outage_mean_min * MINUTE, len(begins))
            known = [Interval(int(began), int(began + length)) for began, length in zip(begins, lengths, strict=True)]
            self._outages[number] = known
        return known

    def faults(self, bay: int) -> Sequence[Interval]:
        """When the charge point of a bay is out of order, as far as it is known on the day taken last."""
        return self._faults[bay]

    def _rates(self, day: Day) -> list[float]:
        """Arrivals per bay in each UTC hour."""
        settings = self._settings
        per_weight = settings.arrivals_per_day / sum(settings.hourly_weights)
        return [
            per_weight * settings.hourly_weights[hour] * self._weekday_factor(weekday)
            for hour, weekday in zip(day.local_hours, day.weekdays, strict=True)
        ]

    def _arrivals(self, day: Day, rates: list[float], rng: np.random.Generator) -> list[int]:
        """Arrival times by thinning: candidates at the highest rate, each kept with its hour's share of it."""
        highest = max(rates)
        candidates = np.sort(rng.random(rng.poisson(highest * 24)))
        keep = rng.random(len(candidates)) * highest
        return [
            day.start + int(share * DAY)
            for share, limit in zip(candidates.tolist(), keep.tolist(), strict=True)
            if limit < rates[min(23, int(share * 24))]
        ]

    def _weekday_factor(self, weekday: int) -> float:
        return {5: self._settings.saturday_factor, 6: self._settings.sunday_factor}.get(weekday, 1.0)

    def _occupancy(self, bay: int, arrived_at: int, rng: np.random.Generator) -> Occupancy:
        settings = self._settings
        shares = (
            settings.charging_share,
            settings.unplugged_share,
            settings.short_stop_share,
            settings.combustion_share,
            settings.delivery_share,
        )
        stay = list(Stay)[int(rng.choice(len(shares), p=shares))]
        if stay is not Stay.CHARGING:
            return Occupancy(bay, stay, arrived_at, arrived_at + self._duration(stay, rng))
        if any(fault.began <= arrived_at < fault.ended for fault in self._faults[bay]):
            stay = Stay.DEAD_CHARGER
            return Occupancy(bay, stay, arrived_at, arrived_at + self._duration(stay, rng))
        return self._charging(bay, arrived_at, rng)

    def _charging(self, bay: int, arrived_at: int, rng: np.random.Generator) -> Occupancy:
        settings = self._settings
        lag = rng.lognormal(np.log(settings.plug_lag_median_min * MINUTE), settings.plug_lag_spread)
        charge = rng.lognormal(np.log(settings.charge_median_h * HOUR), settings.charge_spread)
        plugged_at = arrived_at + int(lag)
        unplugged_at = plugged_at + int(charge)
        remains = rng.random()
        if remains < settings.stays_plugged_share:
            unplugged_at += int(rng.exponential(settings.stays_plugged_mean_h * HOUR))
        left_at = unplugged_at + MINUTE
        if remains > 1 - settings.unplugs_and_stays_share:
            left_at += int(rng.exponential(settings.unplugs_and_stays_mean_h * HOUR))
        cut_off = [fault.began for fault in self._faults[bay] if plugged_at < fault.began < unplugged_at]
        unplugged_at = min([unplugged_at, *cut_off])
        return Occupancy(bay, Stay.CHARGING, arrived_at, left_at, plugged_at, unplugged_at)

    def _duration(self, stay: Stay, rng: np.random.Generator) -> int:
        settings = self._settings
        match stay:
            case Stay.UNPLUGGED:
                return int(rng.lognormal(np.log(settings.unplugged_median_h * HOUR), settings.unplugged_spread))
            case Stay.COMBUSTION:
                return int(rng.lognormal(np.log(settings.combustion_median_min * MINUTE), settings.combustion_spread))
            case Stay.DELIVERY:
                return int(rng.uniform(*settings.delivery_min) * MINUTE)
            case _:
                return int(rng.uniform(*settings.short_stop_min) * MINUTE)

    def _session(self, evse_id: str, occupancy: Occupancy, rng: np.random.Generator) -> Iterator[EvseStatus]:
        """The statuses of a session; the end of one that a fault cut off is the fault's own status."""
        if occupancy.plugged_at is None or occupancy.unplugged_at is None:
            return
        yield self._push(evse_id, EvseState.CHARGING, occupancy.plugged_at, rng)
        if all(fault.began != occupancy.unplugged_at for fault in self._faults[occupancy.bay]):
            yield self._push(evse_id, EvseState.AVAILABLE, occupancy.unplugged_at, rng)

    def _break_down(self, bay: int, day: Day, rng: np.random.Generator) -> Iterator[EvseStatus]:
        """Draw the day's faults of a charge point; none begins while a car of an earlier day stands there."""
        settings = self._settings
        faults = [fault for fault in self._faults[bay] if fault.ended > day.start]
        for share in np.sort(rng.random(rng.poisson(settings.fault_share * 24 / settings.fault_mean_h))).tolist():
            earliest = max([self._free_at[bay], *(fault.ended for fault in faults)])
            began = max(day.start + int(share * DAY), earliest)
            fault = Interval(began, began + int(rng.exponential(settings.fault_mean_h * HOUR)))
            faults.append(fault)
            yield self._push(self._evses[bay], EvseState.OUTOFORDER, fault.began, rng)
            yield self._push(self._evses[bay], EvseState.AVAILABLE, fault.ended, rng)
        self._faults[bay] = faults

    def _push(self, evse_id: str, state: EvseState, at: int, rng: np.random.Generator) -> EvseStatus:
        """A status on its way: delayed by the back-end, lost at random or while the link is down."""
        sent_at = at + int(rng.uniform(*self._settings.backend_delay_s) * SECOND)
        lost = rng.random() < self._settings.lost_push_probability
        outages = self.link_outages(sent_at // DAY)
        return EvseStatus(evse_id, state, at, sent_at, lost or any(gap.began <= sent_at < gap.ended for gap in outages))


def evse_of(bays: Sequence[Asset], index: int) -> str:
    """The charge point that cars on a bay use: its own, or in a group that of its place in the row."""
    evses = bays[index].attributes["evses"]
    place = bays[index].attributes["bay"]
    assert isinstance(evses, list)
    assert isinstance(place, int)
    return str(evses[(place - 1) % len(evses)])
