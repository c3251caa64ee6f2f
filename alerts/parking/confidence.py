"""How sure a case is: 100, and what lowers or raises it, each part with its reason."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from alerts.parking.inputs import EVER, Doubts
from alerts.parking.occupancy import Occupancy, Presence
from alerts.parking.points import BLOCKED, Piece
from alerts.parking.settings import ParkingSettings
from alerts.spans import Span, Spans, covering

_PRIOR_CONFIRMED, _PRIOR_FALSE = 8, 2
"""Beta prior of a sensor's precision."""
_NEIGHBOUR_WITHIN = timedelta(minutes=2)
_FLAPPED_WITHIN = timedelta(minutes=60)


class Doubt(StrEnum):
    """Why the confidence is not 100."""

    EVSE_AGED = "evse_aged"
    SINGLE_SIGHTING = "single_sighting"
    MISSED_FRAMES = "missed_frames"
    FLAPPING = "flapping"
    LEARNING = "learning"
    BATTERY_LOW = "battery_low"
    AMBIGUOUS = "ambiguous"
    NEIGHBOUR = "neighbour"
    BLOCKED = "blocked"
    SECOND_SENSOR = "second_sensor"
    IMPRECISE = "imprecise"


class Part(NamedTuple):
    """One reason and its change."""

    reason: Doubt
    change: int


@dataclass(frozen=True, slots=True)
class Judge:
    """What the confidence in one occupancy's case is made of."""

    settings: ParkingSettings
    presence: Presence
    occupancy: Occupancy
    contacts: Spans
    doubts: Doubts

    def parts(self, at: datetime, piece: Piece | None) -> list[Part]:
        """The parts as they are known at `at`, when the charge point shows `piece`."""
        weights = self.settings.weights
        found = {
            Doubt.EVSE_AGED: weights.evse_aged if self._evse_age(at) >= self.settings.evse_aged else 0,
            Doubt.SINGLE_SIGHTING: weights.single_sighting if self._sightings(at) < 2 else 0,
            Doubt.MISSED_FRAMES: max(self._missed(at) * weights.missed_frame, weights.missed_frames_most),
            Doubt.FLAPPING: weights.flapping if self.flapped(at, within=_FLAPPED_WITHIN) else 0,
            Doubt.LEARNING: weights.learning if covering(self.doubts.learning, at) else 0,
            Doubt.BATTERY_LOW: weights.battery_low if covering(self.doubts.battery_low, at) else 0,
            Doubt.AMBIGUOUS: weights.ambiguous if piece is not None and piece.ambiguous else 0,
            Doubt.NEIGHBOUR: weights.neighbour if self._neighbour_moved() else 0,
            Doubt.BLOCKED: weights.blocked if piece is not None and piece.raw.upper() == BLOCKED else 0,
            Doubt.SECOND_SENSOR: weights.second_sensor if covering(self.doubts.second_sensor, at) else 0,
            Doubt.IMPRECISE: -imprecision(*self._record(), -weights.imprecise_most),
        }
        return [Part(reason, change) for reason, change in found.items() if change]

    def flapped(self, at: datetime, *, within: timedelta | None = None) -> bool:
        """True when the sensor flapped at some time in the span `within` before `at`; without it, right now."""
        changes, most, longest = self.presence.changes, self.settings.flapping_changes, self.settings.timers.flapping
        end = bisect_right(changes, at)
        if within is None:
            return end >= most and at - changes[end - most] <= longest
        begin = max(0, bisect_left(changes, at - within) - most + 1)
        recent = changes[begin:end]
        return any(last - first <= longest for first, last in zip(recent, recent[most - 1 :], strict=False))

    def _evse_age(self, at: datetime) -> timedelta:
        place = bisect_right(self.contacts, at, key=lambda span: span.start)
        return at - min(self.contacts[place - 1].end, at) if place else timedelta.max

    def _sightings(self, at: datetime) -> int:
        return sum(1 for one in self.presence.heard(Span(self.occupancy.since, at)) if one.occupied)

    def _missed(self, at: datetime) -> int:
        missing = self.presence.missing
        return bisect_right(missing, at) - bisect_right(missing, self.occupancy.since)

    def _record(self) -> tuple[int, int]:
        """How often this sensor was right and wrong in cases whose end was known before the vehicle came.

        What is learned later, from this case, too, changes no case that was judged before: a replay says the same.
        """
        since = self.occupancy.since
        own = next((span for span in self.doubts.sensors if span.covers(since)), EVER)
        known = [one for one in self.doubts.lessons if one.at < since and own.covers(one.since)]
        right = sum(one.confirmed for one in known)
        return right, len(known) - right

    def _neighbour_moved(self) -> bool:
        since = self.occupancy.since
        return any(abs(change - since) <= _NEIGHBOUR_WITHIN for change in self.doubts.neighbour_changes)


def score(parts: Sequence[Part]) -> int:
    """0-100."""
    return max(0, min(100, 100 + sum(part.change for part in parts)))


def imprecision(confirmed: int, false_alarms: int, most: int = 30) -> int:
    """What a sensor's record takes off: up to `most`, by the mean of Beta(8 + confirmed, 2 + false).

    A sensor that is not worse than the prior says of all (mean 0.8) loses nothing: a new one has no record, and a
    confirmed case must not lower the confidence in the next.
    """
    good, bad = _PRIOR_CONFIRMED + confirmed, _PRIOR_FALSE + false_alarms
    if good * _PRIOR_FALSE >= bad * _PRIOR_CONFIRMED:
        return 0
    return max(0, min(most, round(most * (1 - good / (good + bad)) / 0.5)))
