"""Bays that share charge points: which session belongs to which car, and who can be accused when some lack one.

With `n` occupied bays, `use` points in use and `down` points out of order, `n - use` cars are unsupported, as many of
them as points are down are excused, and the rest can be accused, but never more than points are idle: who finds every
point taken or gone cannot charge. A session belongs to the most recent arrival before it that has none yet. Where more
cars lack a session than can be accused, the latest arrivals are meant, uncertainly.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from alerts.charging.status import EvseState
from alerts.parking.occupancy import Occupancy
from alerts.parking.points import Piece, Point
from alerts.parking.settings import Timers
from alerts.spans import Span, edges

_PLUG_IN_LATE = timedelta(minutes=5)


@dataclass(slots=True)
class _Car:
    bay: str
    occupancy: Occupancy
    sessions: list[Span] = field(default_factory=list)


def shared_pieces(
    occupancies: Mapping[str, Sequence[Occupancy]], points: Sequence[Point], timers: Timers, now: datetime
) -> dict[str, list[Piece]]:
    """For each bay of a group, the status that its car would see if it had a charge point of its own.

    IN_USE where its session runs or nobody can be accused, IDLE where it can, DOWN where it is excused, CONNECTED while
    it waits for a point that others use: no time counts, no case ends. Reservations, blocked points, and who is plugged
    in are not told apart, because nobody knows whose they are.
    """
    cars = [_Car(bay, one) for bay, several in occupancies.items() for one in several]
    _link(cars, points, timers, now)
    times = sorted({at for at in _breaks(cars, points, now) if at <= now})
    result: dict[str, list[Piece]] = {bay: [] for bay in occupancies}
    for start, end in pairwise(times):
        for bay, piece in _judged(cars, points, Span(start, end), now).items():
            result[bay].append(piece)
    return result


def _link(cars: Sequence[_Car], points: Sequence[Point], timers: Timers, now: datetime) -> None:
    """Give every session to the most recent arrival that it can belong to."""
    window = timers.grace + _PLUG_IN_LATE
    for session in sorted(span for point in points for span in point.sessions):
        fitting = [
            car
            for car in cars
            if not car.sessions
            and car.occupancy.since <= session.start <= car.occupancy.since + window
            and session.start < car.occupancy.end(now)
        ]
        if not fitting:
            fitting = _only_returning(cars, session, now)
        if fitting:
            max(fitting, key=lambda car: car.occupancy.since).sessions.append(session)


def _only_returning(cars: Sequence[_Car], session: Span, now: datetime) -> list[_Car]:
    """The one car that is there and does not charge: a session that nobody else can have begun is its own."""
    there = [
        car
        for car in cars
        if car.occupancy.since <= session.start < car.occupancy.end(now)
        and not any(one.covers(session.start) for one in car.sessions)
    ]
    return there if len(there) == 1 else []


def _breaks(cars: Sequence[_Car], points: Sequence[Point], now: datetime) -> Iterator[datetime]:
    yield now
    for car in cars:
        yield car.occupancy.since
        yield car.occupancy.end(now)
        yield from edges(car.sessions)
    for point in points:
        yield from edges([piece.span for piece in point.pieces])


def _judged(cars: Sequence[_Car], points: Sequence[Point], span: Span, now: datetime) -> dict[str, Piece]:
    """One piece for each occupied bay in a time in which nothing changes."""
    at = span.start
    there = [car for car in cars if car.occupancy.since <= at < car.occupancy.end(now)]
    states = [_state(point, at) for point in points]
    if EvseState.UNKNOWN in states:
        return {car.bay: Piece(span, EvseState.UNKNOWN) for car in there}
    in_use = sum(state.charging or state is EvseState.CONNECTED for state in states)
    down = sum(state is EvseState.DOWN for state in states)
    unsupported = max(0, len(there) - in_use)
    unexcused = unsupported - min(down, unsupported)
    accusable = min(unexcused, sum(state.idle for state in states))
    charging = [car for car in there if any(one.covers(at) for one in car.sessions)]
    without_session = [car for car in there if car not in charging]
    other = EvseState.DOWN if unsupported > unexcused and not accusable else EvseState.IN_USE
    if unexcused > accusable and in_use <= len(charging):
        other = EvseState.CONNECTED
    return {
        **{car.bay: Piece(span, EvseState.IN_USE) for car in charging},
        **_accused(without_session, span, accusable, other),
    }


def _accused(cars: list[_Car], span: Span, accusable: int, other: EvseState) -> dict[str, Piece]:
    """IDLE for the latest arrivals, as many as can be accused; the others are `other`."""
    cars.sort(key=lambda car: car.occupancy.since, reverse=True)
    ambiguous = 0 < accusable < len(cars)
    return {
        car.bay: Piece(span, EvseState.IDLE if place < accusable else other, ambiguous=ambiguous)
        for place, car in enumerate(cars)
    }


def _state(point: Point, at: datetime) -> EvseState:
    for piece in point.pieces:
        if piece.span.covers(at):
            return piece.state
    return EvseState.UNKNOWN
