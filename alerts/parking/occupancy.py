"""From a sensor's messages to occupancies: order, debounce, merged gaps, times in which nothing is known."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise

from alerts.parking.inputs import EVER, Frame, Sighting
from alerts.parking.settings import Timers
from alerts.spans import Span, Spans, common, joined
from decoders.readings import BayEvent

_LATE_FRAMES = 16
_LATE_WITHIN = timedelta(hours=2)
"""A frame that comes after one with a slightly higher counter was delayed on its way, not counted anew."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """One vehicle in a bay, as far as the sensor can tell.

    Attributes:
        since: the first message that said occupied.
        until: the first that said free; None while it stands there.
        closed_at: when `until` was stable; None as long as it may still be a bounce.
        gaps: times within it in which the sensor said free, too short to count.
        since_uncertain: the arrival itself was not heard, only a heartbeat.
        inferred: no message told it from the vehicle before; a session did.
        left_unseen: it ended without a message: at its last sighting.
        came_after: the last message before an arrival that nobody heard: it came some time after that.
        told_by: when the session began that told it from the vehicle before.
    """

    since: datetime
    until: datetime | None = None
    closed_at: datetime | None = None
    gaps: Spans = ()
    since_uncertain: bool = False
    inferred: bool = False
    left_unseen: bool = False
    came_after: datetime | None = None
    told_by: datetime | None = None

    def end(self, now: datetime) -> datetime:
        """Up to when it stood there, seen from `now`."""
        return now if self.until is None else self.until

    def judged_until(self, now: datetime) -> datetime:
        """Up to when it is judged: one that nobody saw leave counted as there until something told of it."""
        return self.closed_at if self.left_unseen and self.closed_at is not None else self.end(now)


@dataclass(frozen=True, slots=True)
class Presence:
    """What a sensor's messages say up to `now`.

    Attributes:
        sightings: in order, without repeats.
        known: when the occupancy is known: from a message until the next, at most until it is stale.
        changes: every change between occupied and free, bounces included.
        missing: when frames are missing, once per missing frame, at the time of the frame after the gap.
        pending: when a state that is not stable yet will be, if nothing comes.
    """

    sightings: Sequence[Sighting]
    occupancies: Sequence[Occupancy]
    known: Spans
    changes: Sequence[datetime]
    missing: Sequence[datetime]
    pending: datetime | None = None

    def heard(self, within: Span) -> Sequence[Sighting]:
        """Its sightings from the span's begin to its end, both included."""
        first = bisect_left(self.sightings, within.start, key=_at)
        return self.sightings[first : bisect_right(self.sightings, within.end, first, key=_at)]


def presence(
    sightings: Sequence[Sighting],
    frames: Sequence[Frame],
    timers: Timers,
    now: datetime,
    *,
    charged_in: Callable[[Span], bool] | None = None,
) -> Presence:
    """The occupancies of a bay.

    Args:
        frames: all frames of the sensor, for the gaps in their counters; sightings stand in when there are none.
        charged_in: whether a charge point of the bay changed in a span; a gap with a change is no bounce.
    """
    heard = ordered([one for one in sightings if one.at <= now])
    states = [one for one in heard if one.occupied is not None]
    spans, pending = _stable(states, timers, now)
    occupancies = [_described(one, states) for one in _merged(spans, timers, charged_in)]
    counters = frames or [Frame(one.at, one.session, one.f_cnt) for one in heard]
    return Presence(
        heard,
        occupancies,
        _known(heard, timers, now),
        [after.at for before, after in pairwise(states) if before.occupied != after.occupied],
        list(_missing([one for one in counters if one.at <= now])),
        pending,
    )


def ordered(sightings: Sequence[Sighting]) -> list[Sighting]:
    """By frame counter within a LoRaWAN session, then by time; repeats once.

    A frame that was delayed takes the time of the next one by its counter, at the latest; one after a restart of the
    counter was not delayed.
    """
    by_time = sorted({(one.session, one.f_cnt, one.at): one for one in sightings}.values(), key=_by_time)
    result: list[Sighting] = []
    sessions: dict[str, _Session] = {}
    for one in by_time:
        overtaken_at = sessions.setdefault(one.session, _Session()).overtaken_at(one)
        result.append(one if overtaken_at is None else one._replace(at=overtaken_at))
    return sorted(result, key=_by_time)


class _Session:
    """One LoRaWAN session up to a frame: counters since the last restart, and the frames that may overtake another."""

    def __init__(self) -> None:
        self._counters: set[int] = set()
        self._recent: deque[Sighting] = deque()

    def overtaken_at(self, one: Sighting) -> datetime | None:
        """When a frame after it by its counter came before it; the next one in time is counted with it."""
        if one.event is BayEvent.STARTUP or one.f_cnt in self._counters:
            self._counters.clear()
            self._recent.clear()
        while self._recent and one.at - self._recent[0].at > _LATE_WITHIN:
            self._recent.popleft()
        found = next((other.at for other in self._recent if 0 < other.f_cnt - one.f_cnt <= _LATE_FRAMES), None)
        self._counters.add(one.f_cnt)
        self._recent.append(one)
        return found


def _by_time(one: Sighting) -> tuple[datetime, int]:
    return one.at, one.f_cnt


def _at(one: Sighting) -> datetime:
    return one.at


def _stable(states: Sequence[Sighting], timers: Timers, now: datetime) -> tuple[list[Occupancy], datetime | None]:
    """Occupied spans that lasted; and when the newest state will have lasted, if it has not yet."""
    raw = _joined_over(list(_raw(states)), timers.free_stable)
    pending: datetime | None = None
    stable: list[Occupancy] = []
    for one in raw:
        if one.end(now) - one.since < timers.occupied_stable:
            if one.until is None:
                pending = one.since + timers.occupied_stable
            continue
        if one.until is not None:
            closed = one.until + timers.free_stable
            pending = closed if closed > now else pending
            one = replace(one, closed_at=closed if closed <= now else None)
        stable.append(one)
    return stable, pending


def _raw(states: Sequence[Sighting]) -> Iterator[Occupancy]:
    """Every span from the first message that says occupied to the first that says free."""
    since: datetime | None = None
    for one in states:
        if one.occupied and since is None:
            since = one.at
        elif not one.occupied and since is not None:
            yield Occupancy(since, one.at)
            since = None
    if since is not None:
        yield Occupancy(since)


def _joined_over(raw: list[Occupancy], shortest: timedelta) -> list[Occupancy]:
    """Spans between which the bay was free for less than `shortest` are one."""
    result: list[Occupancy] = []
    for one in raw:
        before = result[-1].until if result else None
        if before is not None and one.since - before < shortest:
            result[-1] = _with_gap(result[-1], one)
        else:
            result.append(one)
    return result


def _merged(spans: list[Occupancy], timers: Timers, charged_in: Callable[[Span], bool] | None) -> list[Occupancy]:
    result: list[Occupancy] = []
    for one in spans:
        before = result[-1].until if result else None
        bounce = before is not None and one.since - before < timers.merge
        if bounce and before is not None and not (charged_in and charged_in(Span(before, one.since))):
            result[-1] = _with_gap(result[-1], one)
        else:
            result.append(one)
    return result


def _with_gap(first: Occupancy, second: Occupancy) -> Occupancy:
    assert first.until is not None
    gaps = (*first.gaps, Span(first.until, second.since), *second.gaps)
    return replace(first, until=second.until, closed_at=second.closed_at, gaps=gaps)


def _described(one: Occupancy, states: Sequence[Sighting]) -> Occupancy:
    """With what its first message says about the arrival."""
    place = bisect_left(states, one.since, key=_at)
    first = next(state for state in islice(states, place, None) if state.occupied)
    if first.event is not BayEvent.HEARTBEAT:
        return one
    return replace(one, since_uncertain=True, came_after=states[place - 1].at if place else None)


def _known(heard: Sequence[Sighting], timers: Timers, now: datetime) -> list[Span]:
    """When the state is known, up to now."""
    return common(known_spans(heard, timers), [Span(EVER.start, now)])


def known_spans(heard: Sequence[Sighting], timers: Timers, *, occupied: bool | None = None) -> list[Span]:
    """From each message that tells the state to the next, at most until it is stale or its sensor was taken away.

    Args:
        occupied: only such states.
    """
    ends, stale = [one.at for one in heard[1:]] + [EVER.end], timers.occupancy_stale
    return joined(
        Span(one.at, min(end, one.at + stale, one.until))
        for one, end in zip(heard, ends, strict=False)
        if one.occupied is not None and occupied in (None, one.occupied)
    )


def _missing(frames: Sequence[Frame]) -> Iterator[datetime]:
    """Once for each frame between two that were heard; one that came out of order was heard, too."""
    heard = {(one.session, one.f_cnt) for one in frames}
    for before, after in pairwise(sorted(set(frames))):
        if before.session == after.session:
            between = range(before.f_cnt + 1, min(after.f_cnt, before.f_cnt + 1 + _LATE_FRAMES))
            yield from (after.at for counter in between if (before.session, counter) not in heard)
