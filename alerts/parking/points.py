"""What the charge points of a bay did: statuses as pieces of time, and how well each piece is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from alerts.charging.status import EvseState
from alerts.parking.inputs import EVER, Status
from alerts.parking.settings import Timers
from alerts.spans import Span, Spans, common, joined, without

BLOCKED = "BLOCKED"
"""The operator's word for a charge point with a vehicle in front of it that does not charge."""


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


def point(statuses: Sequence[Status], contacts: Spans, timers: Timers, now: datetime) -> Point:
    """The history of one charge point up to `now`."""
    spans = joined([Span(one.start, max(one.end, one.start + timedelta(microseconds=1))) for one in contacts])
    fresh = joined([Span(one.start, one.end + timers.evse_stale) for one in spans])
    raw = list(_pieces(sorted({one for one in statuses if one.at <= now}, key=_by_time), now))
    return Point(
        [piece for one in raw for piece in _as_known(one, fresh)],
        joined(spans, gap=timers.evse_stale),
        sessions(raw, timers, now),
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
    parts = [piece._replace(span=span) for span in common([piece.span], fresh)]
    parts += [Piece(span, EvseState.UNKNOWN) for span in without([piece.span], fresh)]
    return sorted(parts)
