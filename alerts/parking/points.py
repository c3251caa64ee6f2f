"""What the charge points of a bay did: statuses as pieces of time, and how well each piece is known."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

from alerts.charging.status import EvseState
from alerts.parking.inputs import EVER, Status
from alerts.parking.settings import Timers
from alerts.spans import Span, Spans, common, joined, touching, without

BLOCKED = "BLOCKED"
"""The operator's word for a charge point with a vehicle in front of it that does not charge."""
_MOMENT = timedelta(microseconds=1)


class Piece(NamedTuple):
    """A time in which a charge point had one status.

    Attributes:
        ambiguous: among several bays it is not certain that this one is meant.
    """

    span: Span
    state: EvseState
    raw: str = ""
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One charge point's history.

    Attributes:
        pieces: without gaps from the first status to now; UNKNOWN where the link was silent for too long.
        proven: between contacts that are close enough to each other: the status is certain here, not only fresh.
        sessions: times in which it charged, plug flicks left out; the end of a running one is now.
    """

    pieces: Sequence[Piece]
    proven: Spans
    sessions: Spans

    def piece(self, at: datetime) -> Piece | None:
        """The one that holds at `at`; None before the first status."""
        place = bisect_right(self.pieces, at, key=lambda piece: piece.span.start)
        found = self.pieces[place - 1] if place else None
        return found if found is not None and found.span.covers(at) else None


@dataclass(frozen=True, slots=True)
class Contact:
    """When a source was in contact, and what its statuses are worth then.

    Attributes:
        heard: by begin; each ends with the last contact up to then.
        fresh: when its statuses hold; in between they are unknown.
        proven: between contacts that are close enough to each other.
    """

    heard: Spans
    fresh: Spans
    proven: Spans


SILENT = Contact((), (), ())
"""A source that was never in contact."""


class Contacts:
    """The contacts of sources up to `now`, each worked out once: most charge points of a city have the same source."""

    def __init__(self, timers: Timers, now: datetime) -> None:
        self._timers = timers
        self._now = now
        self._known: dict[int, tuple[Spans, Contact]] = {}

    def of(self, contacts: Spans) -> Contact:
        """What these are worth."""
        _, found = self._known.get(id(contacts)) or (contacts, self._contact(contacts))
        self._known[id(contacts)] = contacts, found  # kept, so that the identity stays its own
        return found

    def _contact(self, contacts: Spans) -> Contact:
        """A later contact than `now` proves nothing yet."""
        until_now = sorted(Span(one.start, min(one.end, self._now)) for one in contacts if one.start <= self._now)
        last_ends = accumulate((one.end for one in until_now), max)
        heard = [Span(one.start, end) for one, end in zip(until_now, last_ends, strict=True)]
        spans = joined(Span(one.start, max(one.end, one.start + _MOMENT)) for one in until_now)
        stale = self._timers.evse_stale
        return Contact(heard, joined(Span(one.start, one.end + stale) for one in spans), joined(spans, gap=stale))


def point(statuses: Iterable[Status], contact: Contact, timers: Timers, now: datetime) -> Point:
    """The history of one charge point up to `now`."""
    raw = list(_pieces(sorted({one for one in statuses if one.at <= now}, key=_by_time), now))
    return Point(
        [piece for one in raw for piece in _as_known(one, contact.fresh)], contact.proven, sessions(raw, timers, now)
    )


def serving(one: Point, times: Spans) -> Point:
    """A point as a group of bays knows it: outside of `times` it was none of theirs, as if it had been taken away."""
    return Point(
        sorted(
            [
                *(piece._replace(span=span) for piece in one.pieces for span in common([piece.span], times)),
                *(Piece(span, EvseState.OUT_OF_SERVICE) for span in without([EVER], times)),
            ]
        ),
        joined([*common(one.proven, times), *without([EVER], times)]),
        [Span(own.start, min(own.end, time.end)) for own in one.sessions for time in times if time.covers(own.start)],
    )


def sessions(pieces: Sequence[Piece], timers: Timers, now: datetime) -> list[Span]:
    """Times in which a session ran for long enough to be one."""
    charging = joined(piece.span for piece in pieces if piece.state.charging)
    return [span for span in charging if span.length >= timers.session and span.start < now]


def _pieces(statuses: Sequence[Status], now: datetime) -> Iterator[Piece]:
    for one, after in pairwise(statuses):
        if one.at < after.at:
            yield Piece(Span(one.at, after.at), one.state, one.raw)
    if statuses and statuses[-1].at < now:
        yield Piece(Span(statuses[-1].at, now), statuses[-1].state, statuses[-1].raw)


def _by_time(one: Status) -> tuple[datetime, int, str, str, str]:
    return one.at, one.id, one.state, one.raw, one.source


def _as_known(piece: Piece, fresh: Spans) -> list[Piece]:
    """The piece, and UNKNOWN where nothing was fresh."""
    fresh = touching(fresh, piece.span)
    parts = [piece._replace(span=span) for span in common([piece.span], fresh)]
    parts += [Piece(span, EvseState.UNKNOWN) for span in without([piece.span], fresh)]
    return sorted(parts)
