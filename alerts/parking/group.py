"""Bays that share charge points: which session belongs to which car, and who can be accused when some lack one.

With `n` occupied bays, `use` points in use and `down` points out of order, `n - use` cars are unsupported, as many of
them as points are down are excused, and the rest can be accused, but never more than points are idle: who finds every
point taken or gone cannot charge. A session belongs to the most recent arrival before it that has none yet. Where more
cars lack a session than can be accused, the latest arrivals are meant, uncertainly.
"""

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter

from alerts.charging.status import EvseState
from alerts.parking.inputs import EVER
from alerts.parking.occupancy import Occupancy, Presence
from alerts.parking.points import BLOCKED, Piece, Point
from alerts.parking.settings import Timers
from alerts.parking.unseen import departed_unseen
from alerts.spans import Span, Spans, covering, edges

PLUG_IN_LATE = timedelta(minutes=5)
_NOWHERE = Piece(EVER, EvseState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Member:
    """A bay of a group: what its sensor saw, and when it shared the group's charge points."""

    presence: Presence
    sharing: Spans = (EVER,)


@dataclass(slots=True)
class _Car:
    bay: str
    occupancy: Occupancy
    sharing: Spans
    until: datetime
    sessions: list[Span] = field(default_factory=list)
    rivalled: bool = False
    """A session that another car got may have been its own."""

    def there(self, at: datetime) -> bool:
        return self.occupancy.since <= at < self.until and covering(self.sharing, at)

    def charges(self, at: datetime) -> bool:
        return any(one.covers(at) for one in self.sessions)


def shared_pieces(
    members: Mapping[str, Member], points: Sequence[Point], timers: Timers, now: datetime
) -> dict[str, list[Piece]]:
    """For each bay of a group, the status that its car would see if it had a charge point of its own.

    IN_USE where its session runs or nobody can be accused, IDLE where it can, DOWN where it is excused, CONNECTED while
    it waits for a point that others use: no time counts, no case ends. Reservations, and who is plugged in are not told
    apart, because nobody knows whose they are; points that are blocked speak against the accused when they are as many.
    """
    cars = _cars(members, now)
    _link(cars, _sessions(points), timers)
    times = sorted({at for at in _breaks(cars, points, now) if at <= now})
    result: dict[str, list[Piece]] = {bay: [] for bay in members}
    for span, there in _there(cars, times):
        for bay, piece in _judged(there, points, span).items():
            result[bay].append(piece)
    return result


def with_unseen_departures(
    members: Mapping[str, Member], points: Sequence[Point], timers: Timers, now: datetime
) -> dict[str, Presence]:
    """The bays with the vehicles that nobody saw leave or come.

    A session that no arrival explains is that of a new vehicle in the one bay whose sensor was not heard for a while
    since its vehicle came or charged last; where several were not heard, or none, nobody can say.
    """
    found, sessions = dict(members), _sessions(points)
    cars = _cars(found, now)
    for number, session in enumerate(sessions):
        if _explained(cars, session, timers):
            continue
        unheard = _unheard(cars, found, session, timers)
        if len(unheard) == 1:
            [(car, proof)] = unheard
            presence = _replaced(found[car.bay].presence, car.occupancy, proof, session.start)
            found[car.bay] = replace(found[car.bay], presence=presence)
            cars = _cars(found, now)
            _link(cars, sessions[: number + 1], timers)
        else:
            _return(cars, session)
    return {bay: one.presence for bay, one in found.items()}


def _unheard(
    cars: Sequence[_Car], members: Mapping[str, Member], session: Span, timers: Timers
) -> list[tuple[_Car, datetime]]:
    """Cars without a session that may have left before this one began, and when each was last proven to be there."""
    there = [car for car in cars if car.there(session.start) and not car.charges(session.start)]
    proofs = [(car, _last_proof(car, members[car.bay].presence, session.start, timers)) for car in there]
    return [(car, proof) for car, proof in proofs if proof is not None]


def _cars(members: Mapping[str, Member], now: datetime) -> list[_Car]:
    return [
        _Car(bay, one, member.sharing, one.judged_until(now))
        for bay, member in members.items()
        for one in member.presence.occupancies
    ]


def _last_proof(car: _Car, presence: Presence, session: datetime, timers: Timers) -> datetime | None:
    """When its vehicle was last proven to be there, when it may have left unheard before the session; else None."""
    charged_until = max((one.end for one in car.sessions if one.end <= session), default=car.occupancy.since)
    unheard = departed_unseen(presence, Span(car.occupancy.since, car.until), session, timers, after=charged_until)
    return None if unheard is None else max(unheard.last_proof, charged_until)


def _replaced(presence: Presence, old: Occupancy, proof: datetime, session: datetime) -> Presence:
    new = replace(old, since=session, since_uncertain=True, inferred=True, told_by=session, came_after=None)
    gone = replace(old, until=proof, closed_at=session, left_unseen=True)
    several = [part for one in presence.occupancies for part in ((gone, new) if one == old else (one,))]
    return replace(presence, occupancies=several)


# ---- whose sessions ----------------------------------------------------------------------------------------


def _sessions(points: Sequence[Point]) -> list[Span]:
    return sorted(span for point in points for span in point.sessions)


def _link(cars: Sequence[_Car], sessions: Sequence[Span], timers: Timers) -> None:
    """Give every session to a car, if one can be found."""
    for session in sessions:
        if not _explained(cars, session, timers):
            _return(cars, session)


def _explained(cars: Sequence[_Car], session: Span, timers: Timers) -> bool:
    """Give a session to the most recent arrival that explains it; False when none does."""
    fitting = _told_by(cars, session) or _arrived(cars, session, timers) or _arrived_unheard(cars, session)
    if not fitting:
        return False
    chosen = max(fitting, key=lambda car: car.occupancy.since)
    chosen.sessions.append(session)
    for car in fitting:
        car.rivalled |= car is not chosen
    return True


def _told_by(cars: Sequence[_Car], session: Span) -> list[_Car]:
    return [car for car in cars if car.occupancy.told_by == session.start and not car.sessions][:1]


def _arrived(cars: Sequence[_Car], session: Span, timers: Timers) -> list[_Car]:
    """Those that came shortly before it and had no session yet."""
    window = timers.grace + PLUG_IN_LATE
    return [
        car
        for car in cars
        if not car.sessions and car.there(session.start) and session.start <= car.occupancy.since + window
    ]


def _arrived_unheard(cars: Sequence[_Car], session: Span) -> list[_Car]:
    """Those whose arrival nobody heard, but that were there soon after: they may have come just before it."""
    return [
        car
        for car in cars
        if not car.sessions
        and car.occupancy.came_after is not None
        and car.occupancy.came_after <= session.start < car.occupancy.since < session.end
        and covering(car.sharing, session.start)
    ]


def _return(cars: Sequence[_Car], session: Span) -> None:
    """Give it to the one car that is there and does not charge: nobody else can have begun it."""
    there = [car for car in cars if car.there(session.start) and not car.charges(session.start)]
    if len(there) == 1:
        there[0].sessions.append(session)


# ---- who is meant ------------------------------------------------------------------------------------------


def _breaks(cars: Sequence[_Car], points: Sequence[Point], now: datetime) -> Iterator[datetime]:
    yield now
    for car in cars:
        yield car.occupancy.since
        yield car.until
        yield from edges(car.sessions)
        yield from edges(car.sharing)
    for point in points:
        yield from edges([piece.span for piece in point.pieces])


def _there(cars: Sequence[_Car], times: Sequence[datetime]) -> Iterator[tuple[Span, Sequence[_Car]]]:
    """Each time between two breaks, with the cars that are there, in the order of `cars`."""
    coming = sorted(enumerate(cars), key=lambda one: one[1].occupancy.since, reverse=True)
    near: list[tuple[int, _Car]] = []
    for start, end in pairwise(times):
        near = [one for one in near if one[1].until > start]
        while coming and coming[-1][1].occupancy.since <= start:
            insort(near, coming.pop(), key=itemgetter(0))
        yield Span(start, end), [car for _, car in near if car.there(start)]


def _judged(there: Sequence[_Car], points: Sequence[Point], span: Span) -> dict[str, Piece]:
    """One piece for each occupied bay in a time in which nothing changes."""
    at = span.start
    seen = [point.piece(at) or _NOWHERE for point in points]
    states = [piece.state for piece in seen]
    if EvseState.UNKNOWN in states:
        return {car.bay: Piece(span, EvseState.UNKNOWN) for car in there}
    in_use = sum(state.charging or state is EvseState.CONNECTED for state in states)
    down = sum(state is EvseState.DOWN for state in states)
    unsupported = max(0, len(there) - in_use)
    unexcused = unsupported - min(down, unsupported)
    accusable = min(unexcused, sum(state.idle for state in states))
    blocked = sum(piece.state.idle and piece.raw.upper() == BLOCKED for piece in seen)
    charging = [car for car in there if car.charges(at)]
    without_session = [car for car in there if car not in charging]
    other = EvseState.DOWN if unsupported > unexcused and not accusable else EvseState.IN_USE
    if unexcused > accusable and in_use <= len(charging):
        other = EvseState.CONNECTED
    return {
        **{car.bay: Piece(span, EvseState.IN_USE) for car in charging},
        **_accused(without_session, Piece(span, other), accusable, raw=BLOCKED if blocked >= accusable else ""),
    }


def _accused(cars: list[_Car], other: Piece, accusable: int, *, raw: str) -> dict[str, Piece]:
    """IDLE for the latest arrivals, as many as can be accused; the others are `other`."""
    cars.sort(key=lambda car: car.occupancy.since, reverse=True)
    ambiguous = accusable > 0 and (accusable < len(cars) or any(car.rivalled for car in cars))
    meant = Piece(other.span, EvseState.IDLE, raw, ambiguous)
    return {
        car.bay: meant if place < accusable else other._replace(ambiguous=ambiguous) for place, car in enumerate(cars)
    }
