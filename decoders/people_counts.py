"""`Counts`: what the entries of a Milesight people counter say, gathered into readings by channel and time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from decoders.datalog import CLOCK_TOLERANCE, Logged, logged_at
from decoders.decoder import MAX_READINGS
from decoders.milesight import HISTORY, read_entries
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, QualityFlag, Reading
from decoders.uplink import Uplink


class _Live(NamedTuple):
    """The moment of the report; `at` is None where the uplink's time counts."""

    at: datetime | None
    flags: QualityFlag


class Counts:
    """The readings of one payload in the making.

    Attributes:
        flags: hold for everything the device says about now.
        clock: the sensor's own time of the live counts in seconds since 1970; None when it sent none.
    """

    __slots__ = ("_health", "_live", "_past", "_target", "clock", "data", "flags", "uplink")

    def __init__(self, uplink: Uplink, data: ByteReader) -> None:
        self.uplink = uplink
        self.data = data
        self.flags = QualityFlag(0)
        self.clock: int | None = None
        self._live: dict[int, dict[str, object]] = {}
        self._past: dict[Logged, dict[int, dict[str, object]]] = {}
        self._health: dict[int, dict[str, object]] = {}
        self._target = self._live

    def read(self, entries: Mapping[bytes, "CountEntry"]) -> list[Reading]:
        """The readings of the payload: live counts, the device itself, history.

        Raises:
            DecodeError: a truncated entry, or a payload that begins with an unknown one.
        """
        read_entries(self.data, self, entries)
        readings = [*self._live_readings(), *self._health_readings(), *self._past_readings()]
        if len(readings) > MAX_READINGS:
            self.data.warn(f"{len(readings) - MAX_READINGS} readings of history are left out")
        return readings[:MAX_READINGS]

    def add(self, channel: int, values: Mapping[str, object]) -> None:
        """Note what was counted on one line or in one area."""
        self._target.setdefault(channel, {}).update(values)

    def device(self, channel: int = 0, **values: object) -> None:
        """Note what the device says about itself."""
        self._health.setdefault(channel, {}).update(values)

    def past(self, take: "CountEntry", data: ByteReader) -> None:
        """Take a history entry: its time and kind, and its data as `take` does."""
        moment = logged_at(self.uplink, data, data.u32_le())
        data.take(1)
        self._target = {} if moment is None else self._past.setdefault(moment, {})
        take(self, data)
        self._target = self._live

    def _live_readings(self) -> list[Reading]:
        now, live = self._now(), self._live
        if QualityFlag.SENSOR_FAULT in now.flags:
            live = live or {0: {}}  # a fault that comes alone is told, too
        return [self._count(now, channel, values) for channel, values in live.items()]

    def _health_readings(self) -> list[Reading]:
        return [DeviceHealth.of(self.uplink, values, channel=channel) for channel, values in self._health.items()]

    def _past_readings(self) -> list[Reading]:
        """History in order of channels: the whole view comes first, should there be more than an uplink may give."""
        counted = [
            (channel, moment, values) for moment, lines in self._past.items() for channel, values in lines.items()
        ]
        counted.sort(key=lambda one: one[0])
        return [self._count(moment, channel, values) for channel, moment, values in counted]

    def _count(self, moment: _Live | Logged, channel: int, values: Mapping[str, object]) -> Reading:
        return PeopleCount.of(self.uplink, values, channel=channel, observed_at=moment.at, flags=moment.flags)

    def _now(self) -> _Live:
        """Moment of the live counts: the sensor's own time, unless its clock is wrong."""
        if self.clock is None:
            return _Live(None, self.flags)
        at = datetime.fromtimestamp(self.clock, UTC)
        if abs(at - self.uplink.observed_at) <= CLOCK_TOLERANCE:
            return _Live(at, self.flags)
        self.data.warn("the sensor's clock is wrong")
        return _Live(None, self.flags | QualityFlag.CLOCK)


CountEntry = Callable[[Counts, ByteReader], None]
"""Takes the data of one entry."""


def history(kinds: Mapping[int, CountEntry]) -> dict[bytes, CountEntry]:
    """History entries by their kind."""
    return {HISTORY + bytes((kind,)): _past(take) for kind, take in kinds.items()}


def _past(take: CountEntry) -> CountEntry:
    return lambda counts, data: counts.past(take, data)


def total(channel: int, field: str) -> CountEntry:
    """One u32 since start."""
    return lambda counts, data: counts.add(channel, {field: data.u32_le()})


def passages(
    channel: int, first: str = "entered_period", second: str = "exited_period", *, more: int = 0
) -> CountEntry:
    """Two u16, and `more` bytes that are no count."""

    def take(counts: Counts, data: ByteReader) -> None:
        counts.add(channel, {first: data.u16_le(), second: data.u16_le()})
        data.take(more)

    return take


def present(first_channel: int, areas: int) -> CountEntry:
    """One u8 per area, in consecutive channels."""

    def take(counts: Counts, data: ByteReader) -> None:
        for channel in range(first_channel, first_channel + areas):
            counts.add(channel, {"present": data.u8()})

    return take


def dwell(before_first: int, areas: int, *fields: str) -> CountEntry:
    """Number of an area (from 1), and a u16 in seconds per field."""

    def take(counts: Counts, data: ByteReader) -> None:
        area = data.u8()
        values = {field: float(data.u16_le()) for field in fields}
        if 1 <= area <= areas:
            counts.add(before_first + area, values)
        else:
            data.warn(f"no area {area}")

    return take


def clock(counts: Counts, data: ByteReader) -> None:
    """The sensor's time, u32 in seconds since 1970."""
    counts.clock = data.u32_le()
