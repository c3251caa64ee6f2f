"""When gateways are off or cut from the network server, and whose clocks are wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stadtfunk.demo.clock import DAY, HOUR, MINUTE, Day, random_stream
from stadtfunk.demo.device import Flags, Integers
from stadtfunk.demo.settings import FaultSettings

_DAYS_PER_MONTH = 30.4375
_BEFORE_MIDNIGHT = 30 * MINUTE
_AHEAD = 35 * MINUTE
_JANUARY_1980 = 3672 * DAY


class OutageKind(StrEnum):
    """Off: what it would have heard is lost. Backhaul: it hears, keeps the uplinks and sends them afterwards."""

    OFF = "off"
    BACKHAUL = "backhaul"


@dataclass(frozen=True, slots=True)
class Outage:
    """One gateway is away from `began` to `ended` (nanoseconds)."""

    gateway: int
    kind: OutageKind
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class ClockErrors:
    """Nanoseconds by which each gateway's times are wrong on a day: its satellite receiver's and its own clock's."""

    satellite: Integers
    clock: Integers


class Outages:
    """The network's outages as a function of the day alone."""

    def __init__(self, settings: FaultSettings, seed: int, gateways: int) -> None:
        self._settings = settings
        self._seed = seed
        self._gateways = gateways

    def touching(self, day: Day) -> list[Outage]:
        """All outages that overlap `day`, by begin."""
        found = [*self._beginning(day.number - 1), *self._beginning(day.number)]
        return sorted((outage for outage in found if outage.ended > day.start), key=lambda outage: outage.began)

    def clock_errors(self, day: Day) -> ClockErrors:
        """Who has wrong clocks on `day`: 35 minutes ahead, or back in 1980."""
        settings = self._settings
        rng = random_stream(self._seed, "clocks", day.number)
        lost = rng.random(self._gateways) < settings.gps_fault_probability
        ahead = rng.random(self._gateways) < settings.clock_fault_probability
        wrong = np.where(rng.random(self._gateways) < 0.5, _AHEAD, _JANUARY_1980 - day.start)
        return ClockErrors(np.where(lost, wrong, 0), np.where(ahead, _AHEAD, 0))

    def _beginning(self, number: int) -> list[Outage]:
        settings = self._settings
        rng = random_stream(self._seed, "outages", number)
        found: list[Outage] = []
        for kind, per_month, hours in (
            (OutageKind.OFF, settings.gateway_outages_per_month, settings.gateway_outage_hours),
            (OutageKind.BACKHAUL, settings.backhaul_outages_per_month, settings.backhaul_outage_hours),
        ):
            counts = rng.poisson(per_month / _DAYS_PER_MONTH, self._gateways)
            for gateway in np.repeat(np.arange(self._gateways), counts).tolist():
                length = int(rng.uniform(*hours) * HOUR)
                # A gateway sends what it kept within its day: the simulation need not carry it over midnight.
                latest = DAY if kind is OutageKind.OFF else DAY - length - _BEFORE_MIDNIGHT
                began = number * DAY + int(rng.random() * latest)
                found.append(Outage(gateway, kind, began, began + length))
        return found


def reachable(outages: Sequence[Outage], sent_at: Integers, gateways: int) -> Flags | None:
    """(frame, gateway): False where the gateway is off; None when all are on."""
    off = [outage for outage in outages if outage.kind is OutageKind.OFF]
    if not off:
        return None
    on = np.ones((len(sent_at), gateways), dtype=bool)
    for outage in off:
        on[(sent_at >= outage.began) & (sent_at < outage.ended), outage.gateway] = False
    return on
