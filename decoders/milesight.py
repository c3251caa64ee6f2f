"""Milesight's payloads: entries of channel, type and data, one after the other, little-endian, on any port.

A device file gives a table of its entries and `Counts.read` walks the payload with it, gathering what a people counter
says into readings by channel and time. Shared here are what every Milesight device tells about itself, the answers to
downlinks (no reading, but their length must be known), and the rule which times of a sensor are credible.

An unknown entry ends the walk, because its length is unknown: what came before is kept.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from decoders.decoder import MAX_READINGS
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, QualityFlag, Reading
from decoders.uplink import Uplink

Entry = Callable[["Counts", ByteReader], None]
"""Takes the data of one entry."""

_HISTORY = b"\x20\xce"
_KIND_OF_HISTORY = 4
"""Place of the byte that says what a history entry holds, after its time."""

_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE = timedelta(minutes=10)
_CLOCK_LIMIT = timedelta(days=1)
_ABOUT_NOW = ("present", "occupied")


class Moment(NamedTuple):
    """When something was counted; without a time in the report itself."""

    at: datetime | None = None
    flags: QualityFlag = QualityFlag(0)


LIVE = Moment()


class Counts:
    """The readings of one payload in the making.

    Attributes:
        flags: hold for everything the device says about now.
        clock: the sensor's own time of the live counts in seconds since 1970; None when it sent none.
    """

    __slots__ = ("_counted", "_health", "_moment", "clock", "data", "flags", "uplink")

    def __init__(self, uplink: Uplink, data: ByteReader) -> None:
        self.uplink = uplink
        self.data = data
        self.flags = QualityFlag(0)
        self.clock: int | None = None
        self._moment: Moment | None = LIVE
        self._counted: dict[tuple[Moment, int], dict[str, object]] = {}
        self._health: dict[int, dict[str, object]] = {}

    def read(self, entries: Mapping[bytes, Entry]) -> list[Reading]:
        """The readings of the payload: live counts, the device itself, history.

        Args:
            entries: by channel and type; those of history have a third byte, their kind.

        Raises:
            DecodeError: a truncated entry, or a payload that begins with an unknown one.
        """
        data = self.data
        while data.remaining:
            start = data.offset
            key = data.take(2)
            take = entries.get(key + bytes((data.peek(_KIND_OF_HISTORY),)) if key == _HISTORY else key)
            if take is None:
                data.offset = start
                break
            take(self, data)
        if not data.offset:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, "begins with no entry of this device")
        if data.remaining:
            data.warn(f"unknown entry at offset {data.offset}")
        return self._readings()

    def add(self, channel: int, values: Mapping[str, object]) -> None:
        """Note what was counted on one line or in one area."""
        if self._moment is not None:
            self._counted.setdefault((self._moment, channel), {}).update(values)

    def device(self, channel: int = 0, **values: object) -> None:
        """Note what the device says about itself."""
        self._health.setdefault(channel, {}).update(values)

    def past(self, take: Entry, data: ByteReader) -> None:
        """Take a history entry: its time and kind, and its data as `take` does."""
        at = datetime.fromtimestamp(data.u32_le(), UTC)
        data.take(1)
        ahead = at - self.uplink.observed_at
        if at < _EARLIEST or ahead > _CLOCK_LIMIT:
            data.warn("history entry without a credible time")
            self._moment = None
        else:
            clock = QualityFlag.CLOCK if ahead > _CLOCK_TOLERANCE else QualityFlag(0)
            self._moment = Moment(at, QualityFlag.HISTORY | clock)
        take(self, data)
        self._moment = LIVE

    def _readings(self) -> list[Reading]:
        now = self._now()
        live: dict[int, Mapping[str, object]] = {
            channel: values for (moment, channel), values in self._counted.items() if moment is LIVE
        }
        past = {key: values for key, values in self._counted.items() if key[0] is not LIVE}
        if QualityFlag.SENSOR_FAULT in now.flags:
            live = {channel: _without_now(values) for channel, values in (live or {0: {}}).items()}
        readings = [self._count(now, channel, values) for channel, values in live.items()]
        readings += [DeviceHealth.of(self.uplink, values, channel=number) for number, values in self._health.items()]
        # the whole view comes first, should there be more than an uplink may give
        readings += [self._count(*key, values) for key, values in sorted(past.items(), key=lambda one: one[0][1])]
        if len(readings) > MAX_READINGS:
            self.data.warn(f"{len(readings) - MAX_READINGS} readings of history are left out")
        return readings[:MAX_READINGS]

    def _count(self, moment: Moment, channel: int, values: Mapping[str, object]) -> Reading:
        return PeopleCount.of(self.uplink, values, channel=channel, observed_at=moment.at, flags=moment.flags)

    def _now(self) -> Moment:
        """Moment of the live counts: the sensor's own time, unless its clock is wrong."""
        if self.clock is None:
            return Moment(None, self.flags)
        at = datetime.fromtimestamp(self.clock, UTC)
        if abs(at - self.uplink.observed_at) <= _CLOCK_TOLERANCE:
            return Moment(at, self.flags)
        self.data.warn("the sensor's clock is wrong")
        return Moment(None, self.flags | QualityFlag.CLOCK)


def _without_now(values: Mapping[str, object]) -> Mapping[str, object]:
    """The values of a faulty sensor: totals stand still, but it does not see who is there."""
    return {name: None if name in _ABOUT_NOW else value for name, value in values.items()}


def history(kinds: Mapping[int, Entry]) -> dict[bytes, Entry]:
    """History entries by their kind."""
    return {_HISTORY + bytes((kind,)): _past(take) for kind, take in kinds.items()}


def _past(take: Entry) -> Entry:
    return lambda counts, data: counts.past(take, data)


def total(channel: int, field: str) -> Entry:
    """One u32 since start."""
    return lambda counts, data: counts.add(channel, {field: data.u32_le()})


def passages(channel: int, first: str = "entered_period", second: str = "exited_period", *, more: int = 0) -> Entry:
    """Two u16, and `more` bytes that are no count."""

    def take(counts: Counts, data: ByteReader) -> None:
        counts.add(channel, {first: data.u16_le(), second: data.u16_le()})
        data.take(more)

    return take


def present(first_channel: int, areas: int) -> Entry:
    """One u8 per area, in consecutive channels."""

    def take(counts: Counts, data: ByteReader) -> None:
        for channel in range(first_channel, first_channel + areas):
            counts.add(channel, {"present": data.u8()})

    return take


def dwell(before_first: int, areas: int, *fields: str) -> Entry:
    """Number of an area (from 1), and a u16 in seconds per field."""

    def take(counts: Counts, data: ByteReader) -> None:
        area = data.u8()
        values = {field: float(data.u16_le()) for field in fields}
        if 1 <= area <= areas:
            counts.add(before_first + area, values)
        else:
            data.warn(f"no area {area}")

    return take


def skip(size: int) -> Entry:
    """Data that give no reading."""
    return lambda _, data: _drop(data, size)


def _drop(data: ByteReader, size: int) -> None:
    data.take(size)


def battery(counts: Counts, data: ByteReader) -> None:
    """One u8 in %."""
    counts.device(battery_level=float(data.u8()))


def clock(counts: Counts, data: ByteReader) -> None:
    """The sensor's time, u32 in seconds since 1970."""
    counts.clock = data.u32_le()


def firmware(counts: Counts, data: ByteReader) -> None:
    """Four numbers: product, major, vendor's variant, minor."""
    counts.device(firmware=".".join(str(part) for part in data.take(4)))


def _short_firmware(counts: Counts, data: ByteReader) -> None:
    counts.device(firmware="{:x}.{:x}".format(*data.take(2)))


def _restart(cause: str) -> Entry:
    def take(counts: Counts, data: ByteReader) -> None:
        data.take(1)
        counts.device(reset_cause=cause)

    return take


def _power(counts: Counts, data: ByteReader) -> None:
    counts.device(external_power=data.u8() != 0)


_ANSWERS = {
    1: "04 10 27 28 40 41 42 43 44 45 48 4a 50 51 68 69 6b 6d 71 84 97 a6 a8 a9 aa ec fc fd",
    2: "02 03 70 72 77 8f a7 bd",
    3: "05 46 6a 7a 8e ab ed ef",
    4: "11",
    6: "75",
    8: "35 96",
    9: "06",
}
"""Types of answers to downlinks (channels FE and FF) by the number of their data bytes."""


def answers(types: Mapping[int, str], *channels: int, more: int = 0) -> dict[bytes, Entry]:
    """Answers to downlinks, which are skipped: types in hexadecimal by the number of their data bytes."""
    return {
        bytes((channel, kind)): skip(size + more)
        for channel in channels
        for size, kinds in types.items()
        for kind in bytes.fromhex(kinds)
    }


def extended_answers(types: Mapping[int, str]) -> dict[bytes, Entry]:
    """Answers on channel F9, and on F8 with a byte that says how it went."""
    return answers(types, 0xF9) | answers(types, 0xF8, more=1)


DEVICE: Mapping[bytes, Entry] = answers(_ANSWERS, 0xFE, 0xFF) | {
    b"\xff\x01": skip(1),
    b"\xff\x08": skip(6),
    b"\xff\x09": skip(2),
    b"\xff\x0a": _short_firmware,
    b"\xff\x0b": _restart("power_on"),
    b"\xff\x0f": skip(1),
    b"\xff\x16": skip(8),
    b"\xff\x1f": firmware,
    b"\xff\xcc": _power,
    b"\xff\xfe": _restart("reset"),
    b"\xff\xff": skip(2),
}
"""What every device says about itself: versions, serial number, class, power, restarts; and answers to downlinks."""
