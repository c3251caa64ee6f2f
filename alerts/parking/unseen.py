"""Departures that nobody heard: what a sensor's silence leaves open about the vehicle that stood there."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from alerts.parking.occupancy import Presence
from alerts.parking.settings import Timers
from alerts.spans import Span

_HEARTBEAT_TOLERANCE = timedelta(minutes=10)


class Unheard(NamedTuple):
    """A time in which frames went missing: the last message before it and the first after it."""

    last_proof: datetime
    next_heard: datetime


def departed_unseen(
    presence: Presence, stay: Span, session: datetime, timers: Timers, *, after: datetime | None = None
) -> Unheard | None:
    """When in `stay`, before a session began, the sensor was not heard for long enough that vehicles may have changed.

    Args:
        after: up to when the vehicle was there for certain, whatever was missing.
    """
    longest = timers.heartbeat + _HEARTBEAT_TOLERANCE
    heard = [one.at for one in presence.sightings if stay.start <= one.at <= stay.end]
    missing = set(presence.missing)
    for before, later in pairwise(heard):
        if before < session and (after is None or later > after) and (later - before > longest or later in missing):
            return Unheard(before, later)
    if heard and session - heard[-1] > longest:
        return Unheard(heard[-1], session)
    return None
