"""What the charge-point operator knows of the simulated bays: as history, and live on a platform of its own.

Both follow from the same cars as the bay sensors' messages, so that statuses and occupancies agree as far as the
operator's back-end, lost pushes and outages of its link let them.
"""

import asyncio
import heapq
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from stadtfunk.demo.clock import DAY, MINUTE, SECOND, day_number, day_of, moment, nanoseconds
from stadtfunk.demo.cpo import Cpo, Pushed, location
from stadtfunk.demo.parking import EvseState, EvseStatus, Interval, Occupancy
from stadtfunk.demo.places import bays_in_use, city_assets
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo.stage import Stage

logger = logging.getLogger(__name__)

POLL: Final = MINUTE
"""How often somebody asks the operator, as far as the history is concerned."""
_ON_THE_WAY: Final = SECOND // 2
_LONGEST_NAP: Final = 1.0
_LINK_DOWN: Final = 503


@dataclass(frozen=True, slots=True)
class Received:
    """A status as it reaches somebody who listens and asks: `received_at` by its push, or by the next poll."""

    status: EvseStatus
    received_at: int


@dataclass(frozen=True, slots=True)
class Past:
    """What happened on the bays between two times.

    Attributes:
        statuses: in order of arrival; each charge point's last one before the begin stands first.
        contacts: when the operator could be reached.
        stays: cars that stood there, with the truth about each.
    """

    statuses: Sequence[Received]
    contacts: Sequence[Interval]
    stays: Sequence[Occupancy]


class Bays:
    """The bays of a city day after day: who stands there, what the charge points say, when the link is down."""

    def __init__(self, settings: DemoSettings) -> None:
        self.bays = bays_in_use(settings)
        self._stage = Stage(settings.parking, settings.seed, self.bays, settings.started_at)
        self._next = day_number(settings.installed_on)

    def until(self, at: int) -> Iterator[tuple[Sequence[Occupancy], Sequence[EvseStatus]]]:
        """The days that were not taken yet, up to the one of `at`."""
        while self._next <= at // DAY:
            parking = self._stage.advance(day_of(self._next))
            self._next += 1
            yield parking.occupancies, parking.statuses

    def link_outages(self, begin: int, end: int) -> list[Interval]:
        """Outages that overlap a time, in order."""
        numbers = range(begin // DAY - 1, end // DAY + 1)
        found = sorted(gap for number in numbers for gap in self._stage.link_outages(number))
        return [gap for gap in found if gap.ended > begin and gap.began < end]


def past(settings: DemoSettings, start: datetime, end: datetime) -> Past:
    """What happened between `start` and `end`."""
    bays, begin, finish = Bays(settings), nanoseconds(start), nanoseconds(end)
    stays: list[Occupancy] = []
    statuses: list[EvseStatus] = []
    for cars, said in bays.until(finish):
        stays += cars
        statuses += said
    gaps = bays.link_outages(begin, finish)
    received = sorted(_received(statuses, gaps), key=lambda one: one.received_at)
    return Past(
        [*_known_before(statuses, begin), *(one for one in received if begin < one.received_at <= finish)],
        _between(gaps, begin, finish),
        [stay for stay in stays if stay.left_at > begin and stay.arrived_at < finish],
    )


def past_as_json(settings: DemoSettings, start: datetime, end: datetime) -> dict[str, object]:
    """The same in plain JSON values, for another process."""
    found = past(settings, start, end)
    keys = [bay.key for bay in bays_in_use(settings)]
    return {
        "statuses": [
            {
                "evse_id": one.status.evse_id,
                "status": one.status.state,
                "ts": _iso(one.status.at),
                "received_at": _iso(one.received_at),
            }
            for one in found.statuses
        ],
        "contacts": [[_iso(span.began), _iso(span.ended)] for span in found.contacts],
        "stays": [
            {
                "bay": keys[stay.bay],
                "stay": stay.stay,
                "arrived_at": _iso(stay.arrived_at),
                "left_at": _iso(stay.left_at),
                "plugged_at": None if stay.plugged_at is None else _iso(stay.plugged_at),
                "unplugged_at": None if stay.unplugged_at is None else _iso(stay.unplugged_at),
            }
            for stay in found.stays
        ],
    }


class LiveOperator:
    """Lets the platform tell what happens now, until `stop` is set or the parent process is gone."""

    def __init__(self, settings: DemoSettings, cpo: Cpo, *, begins_at: datetime, stop: asyncio.Event) -> None:
        self._bays = Bays(settings)
        self._cpo = cpo
        self._stop = stop
        self._parent = os.getppid()
        self._events: list[tuple[int, int, bool, EvseStatus]] = []
        self.pushed = 0
        begin = nanoseconds(begins_at)
        cpo.add(_locations(moment(day_number(settings.installed_on) * DAY)))
        statuses = [status for _, said in self._bays.until(begin) for status in said]
        for status in sorted(statuses, key=lambda one: one.at):
            if status.at <= begin:
                cpo.set_status(status.evse_id, status.state, moment(status.at))
        self._plan(statuses, after=begin)

    async def run(self) -> None:
        """Change and push in real time."""
        while not self._stop.is_set() and os.getppid() == self._parent:
            now = nanoseconds(datetime.now(UTC))
            for _, statuses in self._bays.until(now):
                self._plan(statuses, after=now)
            self._set_link(now)
            while self._events and self._events[0][0] <= now:
                await self._happen(heapq.heappop(self._events))
            await self._nap(self._events[0][0] - now if self._events else DAY)

    def _plan(self, statuses: Sequence[EvseStatus], *, after: int) -> None:
        """Each status is true at one moment, and pushed at a later one."""
        for number, status in enumerate(statuses):
            for at, push in ((status.at, False), (status.sent_at, True)):
                if at > after and not (push and status.lost):
                    heapq.heappush(self._events, (at, number, push, status))

    async def _happen(self, event: tuple[int, int, bool, EvseStatus]) -> None:
        at, _, push, status = event
        if not push:
            self._cpo.set_status(status.evse_id, status.state, moment(status.at))
            logger.info("charge_point evse=%s status=%s", status.evse_id, status.state)
            return
        sent = await self._push(status.evse_id)
        self.pushed += sent.status is not None
        logger.info("pushed evse=%s http=%s ocpi=%s late=%.1f", status.evse_id, sent.status, sent.code, _age(at))

    async def _push(self, evse_id: str) -> Pushed:
        """Send what is true now, as a back-end does that was late."""
        for place in self._cpo.locations.values():
            for evse in _evses(place):
                if evse["evse_id"] == evse_id:
                    body = {name: evse[name] for name in ("status", "last_updated")}
                    return await self._cpo.push("PATCH", (str(place["id"]), str(evse["uid"])), body)
        raise KeyError(evse_id)

    def _set_link(self, now: int) -> None:
        down = any(gap.began <= now < gap.ended for gap in self._bays.link_outages(now, now + 1))
        if down != self._cpo.faults.drop_pushes:
            logger.warning("link down=%s", down)
        self._cpo.faults.drop_pushes, self._cpo.faults.status = down, _LINK_DOWN if down else 0

    async def _nap(self, nanoseconds_left: int) -> None:
        """Sleep, but wake at once when told to stop, and look at the clock every second."""
        try:
            async with asyncio.timeout(max(0.0, min(_LONGEST_NAP, nanoseconds_left / SECOND))):
                await self._stop.wait()
        except TimeoutError:
            return


def _locations(at: datetime) -> Iterator[dict[str, object]]:
    for station in city_assets():
        evses = station.attributes.get("evses")
        if station.kind == "charging_station" and isinstance(evses, list):
            yield location(
                station.key,
                [str(one) for one in evses],
                name=station.name,
                latitude=station.latitude,
                longitude=station.longitude,
                at=at,
            )


def _evses(place: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    evses = place["evses"]
    assert isinstance(evses, list)
    return evses


def _received(statuses: Sequence[EvseStatus], gaps: Sequence[Interval]) -> Iterator[Received]:
    """Pushed statuses, and lost ones that still hold when somebody asks."""
    replaced_at = _replaced(statuses)
    for status in statuses:
        if not status.lost:
            yield Received(status, status.sent_at + _ON_THE_WAY)
        elif (asked := _next_poll(status.at, gaps)) < replaced_at.get((status.evse_id, status.at), asked + 1):
            yield Received(status, asked)


def _replaced(statuses: Sequence[EvseStatus]) -> Mapping[tuple[str, int], int]:
    """When each status was followed by the next one of the same charge point."""
    found: dict[tuple[str, int], int] = {}
    last: dict[str, int] = {}
    for status in sorted(statuses, key=lambda one: one.at):
        if status.evse_id in last:
            found[status.evse_id, last[status.evse_id]] = status.at
        last[status.evse_id] = status.at
    return found


def _next_poll(at: int, gaps: Sequence[Interval]) -> int:
    poll = (at // POLL + 1) * POLL
    for gap in gaps:
        if gap.began <= poll < gap.ended:
            poll = (gap.ended // POLL + 1) * POLL
    return poll


def _known_before(statuses: Sequence[EvseStatus], begin: int) -> Iterator[Received]:
    """What every charge point said last before the begin; free when it had said nothing yet."""
    last: dict[str, EvseStatus] = {}
    for status in sorted(statuses, key=lambda one: one.at):
        if status.at <= begin:
            last[status.evse_id] = status
    for place in _locations(moment(begin)):
        for evse in _evses(place):
            evse_id = str(evse["evse_id"])
            said = last.get(evse_id, EvseStatus(evse_id, EvseState.AVAILABLE, begin, begin, lost=False))
            yield Received(said, begin)


def _between(gaps: Sequence[Interval], begin: int, end: int) -> list[Interval]:
    """The times that the gaps leave."""
    found: list[Interval] = []
    for gap in gaps:
        if gap.began > begin:
            found.append(Interval(begin, gap.began))
        begin = max(begin, gap.ended)
    return [*found, Interval(begin, end)] if begin < end else found


def _iso(at: int) -> str:
    return moment(at).isoformat()


def _age(at: int) -> float:
    return (nanoseconds(datetime.now(UTC)) - at) / SECOND
