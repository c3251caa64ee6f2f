"""Everything that the simulated city publishes, in order of time: one stream for history and live operation."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from stadtfunk.demo.city import CityDay, DemoCity
from stadtfunk.demo.clock import DAY, HOUR, MINUTE, day_of, random_stream
from stadtfunk.demo.gateway_events import GatewayEvents
from stadtfunk.demo.message import Message
from stadtfunk.demo.network_server import NetworkServer, topic
from stadtfunk.demo.radio import SNR_FLOORS
from stadtfunk.demo.sessions import Restart
from stadtfunk.demo.stamps import uuid_text
from stadtfunk.demo.uplinks import UplinkTemplates, UplinkWriter

_JOIN_LEAD = 2_000_000
_STATUS_DELAY = 40_000_000
_LONGEST_BURST = 6 * HOUR


@dataclass(slots=True)
class _Ordered:
    """The messages of one day: their times in order, and how each is written."""

    times: list[int]
    write: Callable[[int], Message]


class CityStream:
    """The messages of a city.

    Args:
        stats_seconds: interval of the gateways' statistics; the default is the live stream's.
    """

    def __init__(self, city: DemoCity, *, stats_seconds: int | None = None) -> None:
        settings = city.settings
        self._city = city
        self._stats_seconds = stats_seconds or settings.network.stats_seconds
        self._server = NetworkServer(settings.network, city.devices)
        self._templates = UplinkTemplates(settings.network, city.devices, city.gateways)
        self._gateways = GatewayEvents(settings.network, settings.faults, settings.seed, city.gateways)
        rng = random_stream(settings.seed, "batteries")
        self._battery = rng.uniform(35, 100, len(city.devices)).round(2).tolist()

    def wind(self, start: int) -> None:
        """Simulate up to where `messages(start)` begins, so that asking for it (again) or for later times is quick."""
        self._city.wind(self._first_day(start))

    def messages(self, start: int, end: int | None = None) -> Iterator[Message]:
        """What is published after `start` until `end` (nanoseconds, `end` included; None for ever), in order of time.

        Raises:
            ValueError: the city was not installed yet at `start`.
        """
        for ordered in self._days(start, end, payloads=True):
            for number in _between(ordered.times, start, end):
                yield ordered.write(number)

    def count(self, start: int, end: int) -> int:
        """How many messages `messages` gives for the same arguments, without writing most of them."""
        days = self._days(start, end, payloads=False)
        return sum(len(_between(ordered.times, start, end)) for ordered in days)

    def live_start(self, end: int) -> int:
        """Where a live stream that begins at `end` takes over from the history.

        Far enough back that its first seconds, a burst, hold uplinks of every family.
        """
        latest = end - int(self._city.settings.burst_minutes * MINUTE)
        earliest = max(latest - _LONGEST_BURST, self._city.first_day * DAY)
        last = dict.fromkeys((device.application for device in self._city.devices), earliest)
        for city_day in self._city.days(max(self._city.first_day, earliest // DAY), payloads=False):
            devices = city_day.frames.device[city_day.deliveries.frame].tolist()
            for device, at in zip(devices, city_day.deliveries.published_at.tolist(), strict=True):
                if at <= end:
                    application = self._city.devices[device].application
                    last[application] = max(last[application], at)
            if city_day.day.end > end:
                break
        return min([latest, *(at - 1 for at in last.values())])

    def connections(self, at: int) -> Iterator[Message]:
        """The retained connection state of every gateway at a time."""
        outages = self._city.outages.touching(day_of(at // DAY))
        down = {outage.gateway for outage in outages if outage.began <= at < outage.ended}
        for gateway in range(len(self._city.gateways)):
            yield self._gateways.connection(gateway, at, online=gateway not in down)

    def _first_day(self, start: int) -> int:
        """The day from which messages after `start` may come: the eve, for what arrived after midnight."""
        if start < self._city.first_day * DAY:
            raise ValueError(f"start: expected {self._city.settings.installed_on} or later, the day of installation")
        return max(start // DAY - 1, self._city.first_day)

    def _days(self, start: int, end: int | None, *, payloads: bool) -> Iterator[_Ordered]:
        """Days in order; what is published after midnight goes to the next day."""
        kept: list[Message] = []
        for city_day in self._city.days(self._first_day(start), payloads=payloads):
            today, kept = self._order(city_day, kept, start)
            yield today
            if end is not None and city_day.day.end > end:
                return

    def _order(self, city_day: CityDay, kept: list[Message], start: int) -> tuple[_Ordered, list[Message]]:
        """All messages of a day and those `kept` from the one before; and what is published after this midnight."""
        identities = random_stream(self._city.settings.seed, "identities", city_day.day.number)
        deliveries = city_day.deliveries
        uplink_ids = identities.bytes(16 * len(deliveries))
        others = [*kept, *self._others(city_day, identities, start)]
        times = np.concatenate([deliveries.published_at, np.array([other.at for other in others], dtype=np.int64)])
        order = np.argsort(times, kind="stable")
        numbers: list[int] = order.tolist()
        times_in_order: list[int] = times[order].tolist()

        @cache  # made when the first uplink is written: never, while messages are only counted
        def writer() -> UplinkWriter:
            errors = self._city.outages.clock_errors(city_day.day)
            return UplinkWriter(self._templates, city_day.frames, city_day.headers, deliveries, uplink_ids, errors)

        def write(position: int) -> Message:
            number = numbers[position]
            if number >= len(deliveries):
                return others[number - len(deliveries)]
            return Message(times_in_order[position], *writer().write(number))

        within = bisect_right(times_in_order, city_day.day.end - 1)
        after = [write(position) for position in range(within, len(numbers))]
        return _Ordered(times_in_order[:within], write), after

    def _others(self, city_day: CityDay, identities: np.random.Generator, start: int) -> Iterator[Message]:
        yield from self._joins(city_day, identities)
        yield from self._logs(city_day, identities)
        if self._city.settings.network.status_per_day:
            yield from self._status(city_day, identities)
        yield from self._gateways.connections(city_day.day, city_day.outages)
        yield from self._gateways.statistics(
            city_day.day,
            city_day.frames,
            city_day.deliveries,
            city_day.outages,
            seconds=self._stats_seconds,
            since=start,
        )

    def _joins(self, city_day: CityDay, identities: np.random.Generator) -> Iterator[Message]:
        """A join is published with the first uplink of the new session that arrives (on the same day)."""
        frames, deliveries = city_day.frames, city_day.deliveries
        device = frames.device[deliveries.frame]
        sent_at = frames.sent_at[deliveries.frame]
        for start in city_day.session_starts.values():
            if start.restart is Restart.REJOIN:
                events = np.flatnonzero((device == start.device) & (sent_at >= start.at))
                if len(events):
                    event = int(events[np.argmin(deliveries.published_at[events])])
                    at = int(deliveries.published_at[event]) - _JOIN_LEAD
                    address = int(city_day.headers.address[deliveries.frame[event]])
                    identity = uuid_text(identities.bytes(16), 0)
                    text = self._server.join(start.device, at, address=address, identity=identity)
                    yield Message(at, topic(self._city.devices[start.device], "join"), text)

    def _logs(self, city_day: CityDay, identities: np.random.Generator) -> Iterator[Message]:
        for drop in city_day.deliveries.dropped:
            device = int(city_day.frames.device[drop.frame])
            f_cnt = int(city_day.headers.f_cnt[drop.frame])
            text = self._server.log(device, drop, f_cnt=f_cnt, identity=uuid_text(identities.bytes(16), 0))
            yield Message(drop.at, topic(self._city.devices[device], "log"), text)

    def _status(self, city_day: CityDay, identities: np.random.Generator) -> Iterator[Message]:
        """Once a day the network server asks each device for its status; the answer comes with an uplink."""
        deliveries = city_day.deliveries
        snr = np.maximum.reduceat(deliveries.receptions.snr, deliveries.first) if len(deliveries) else np.zeros(0)
        devices, events = np.unique(city_day.frames.device[deliveries.frame], return_index=True)
        random = identities.bytes(16 * len(devices))
        factors = city_day.headers.spreading_factor[deliveries.frame[events]].tolist()
        for number, (device, event) in enumerate(zip(devices.tolist(), events.tolist(), strict=True)):
            at = int(deliveries.published_at[event]) + _STATUS_DELAY
            margin = max(-32, min(31, round(float(snr[event]) - SNR_FLOORS[factors[number]])))
            text = self._server.status(
                device, at, margin=margin, battery=self._battery[device], identity=uuid_text(random, number)
            )
            yield Message(at, topic(self._city.devices[device], "status"), text)


def _between(times: list[int], start: int, end: int | None) -> range:
    """Positions of the times after `start` until `end`."""
    last = len(times) if end is None else bisect_right(times, end)
    return range(bisect_right(times, start), last)
