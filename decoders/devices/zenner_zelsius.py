"""ZENNER zelsius C5 (IUF, ISF, CMF) and other ZENNER and Minol heat meters: the LoRa radio packets of the maker.

Layout, any port: byte 0 = packet type (high nibble) and subtype (low nibble), all numbers least significant byte first.
Subtype 0 holds values as BCD8, subtype 1 as u32; the other subtypes are of heat cost allocators, sensors of temperature
and humidity, and pulse modules, and are refused.

    0   value; in a zelsius then cooling energy, volume and 4 unknown bytes, of which some devices send only two
    1   day value                                  5   day value, cooling energy, status u16
    2   time (type F), month value, status u16     6   date (type G), month value, cooling energy
    3   date (type G), month value, half month     7   month value, half month; both of the cooling energy
    4   key date (type G), value, status, u16      8   key date (type G), value, cooling energy
    90  time    91  time, status u16, 4 bytes      92  firmware, LoRaWAN version, library, device type, meter number
    93  channel: number BCD4, manufacturer, generation, medium, OBIS, VIF with extensions (the unit of its values)
    C   channel u8, first hour u8, three hourly values, u16     D   channel, FF, three values of quarter-hours, u16
    A0  event: code u8, 3 bytes                    B0  the channel's meter was changed

Values are energy in kWh, volumes litres; FF FF FF FF is not available: None, with SENSOR_FAULT for the energy itself
(a meter without cooling has no cooling energy, and that is no fault). A BCD digit above 9 is a fault. Channel 0 is the
energy, channel 1 the cooling energy. The status is specific to the device and not public: `error_code` as sent.

Values of a past date are flagged HISTORY and take its first moment; of half a month no date is sent, so they give no
reading. Hours and quarters have no date: the last ones before the uplink are taken, in German standard time (UTC+1, as
the meters keep it all year), flagged ESTIMATED. Events with a battery voltage give one; a device error raises
METER_ERROR; the others are warnings.

The published codec of a C5 prints MWh; one of its examples is a packet 91 of two bytes, which is no whole packet.

Source: ZENNER LoRa Radio Packet Definitions v1.35 (2025), as restated by edumendez99/lora-decoders-zenner-water-meter.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.mbus.datatypes import bcd, day, point_in_time
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, HeatMeter, QualityFlag, Reading
from decoders.uplink import Uplink

_NOT_AVAILABLE = b"\xff\xff\xff\xff"
_KWH = 0x06
"""VIF of the unit that the values of a heat meter are in."""
_STANDARD_TIME = timezone(timedelta(hours=1))
_HOUR, _QUARTER = timedelta(hours=1), timedelta(minutes=15)
_OLDEST = timedelta(days=5 * 366)
_VALUES = 3

_EVENTS = {
    0x01: "tamper",
    0x02: "removal",
    0x03: "leak",
    0x04: "reverse installation",
    0x06: "oversized",
    0x07: "undersized",
    0x09: "1F mode",
    0x0A: "no consumption",
    0x0B: "burst",
    0x0D: "dry",
    0x0E: "frost",
    0x0F: "backflow",
    0x15: "button",
    0x1E: "adapter lost the meter",
    0x1F: "adapter battery",
}
_BATTERY_EVENTS = (0x05, 0x0C, 0x10)
_DEVICE_ERROR, _STATUS_SUMMARY = 0x08, 0x1D


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    packet = data.u8()
    reader = _BY_PACKET.get(packet) or _BY_TYPE.get(packet >> 4)
    if reader is None:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no packet {packet:02x}")
    return reader(_Packet(uplink, data, packet & 0x0F))


class _Packet:
    """One packet: its numbers, and the readings that they make."""

    def __init__(self, uplink: Uplink, data: ByteReader, subtype: int) -> None:
        self._uplink = uplink
        self._data = data
        self._subtype = subtype
        self._measured: dict[str, object] = {}
        self._flags = QualityFlag(0)

    def current(self) -> list[Reading]:
        self._energy()
        if self._data.remaining:
            self._cooling()
            volume = self._number()
            self._measured["volume"] = None if volume is None else volume / 1000
            self._data.take(min(4, self._data.remaining))
        return self._reading()

    def day(self) -> list[Reading]:
        self._energy()
        return self._reading()

    def day_of_two(self) -> list[Reading]:
        self._energy()
        self._cooling()
        self._status()
        return self._reading()

    def month(self) -> list[Reading]:
        at = point_in_time(self._data.take(4))
        self._energy()
        self._status()
        return self._of_past(at)

    def month_and_half(self) -> list[Reading]:
        at = self._date()
        self._energy()
        self._data.take(4)
        return self._of_past(at)

    def month_of_two(self) -> list[Reading]:
        at = self._date()
        self._energy()
        self._cooling()
        return self._of_past(at)

    def undated_months(self) -> list[Reading]:
        """The month values without their date: the last due date's."""
        self._energy("energy_due_date")
        self._data.take(12)
        return self._reading()

    def key_date(self) -> list[Reading]:
        self._date()
        self._energy("energy_due_date")
        self._status()
        self._data.take(2)
        return self._reading()

    def key_date_of_two(self) -> list[Reading]:
        self._date()
        self._energy("energy_due_date")
        self._data.take(4)
        return self._reading()

    def clock(self) -> list[Reading]:
        at = point_in_time(self._data.take(4))
        self._measured["meter_time"] = at
        if at is None:
            self._flags |= QualityFlag.CLOCK
        return self._reading()

    def clock_and_status(self) -> list[Reading]:
        self.clock()
        self._status()
        self._data.take(4)
        return self._reading()

    def identity(self) -> list[Reading]:
        firmware = self._data.u32_le()
        self._data.take(12)
        version = f"{firmware >> 24}.{firmware >> 16 & 0xFF}.{firmware >> 12 & 0x0F}"
        return [DeviceHealth.of(self._uplink, firmware=version)]

    def channel(self) -> list[Reading]:
        self._data.take(10)
        vif = self._data.take(3)
        self._data.take(3)
        if vif[0] != _KWH:
            self._data.warn(f"the channel counts by VIF {vif.hex()}, not in kWh: its values are no energy")
        return []

    def hours(self) -> list[Reading]:
        name, first = self._channel_name(), self._data.u8()
        if first > 23:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"first hour {first}")
        local = self._uplink.observed_at.astimezone(_STANDARD_TIME)
        last = local.replace(hour=0, minute=0, second=0, microsecond=0) + (first + _VALUES - 1) * _HOUR
        while last > local:
            last -= timedelta(days=1)
        return self._series(name, last, _HOUR)

    def quarters(self) -> list[Reading]:
        name = self._channel_name()
        self._data.u8()
        at = self._uplink.observed_at
        last = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        return self._series(name, last, _QUARTER)

    def event(self) -> list[Reading]:
        code, detail = self._data.u8(), self._data.take(3)
        if code in _BATTERY_EVENTS:
            return [DeviceHealth.of(self._uplink, battery_voltage=int.from_bytes(detail[1:], "little") / 1000)]
        if code == _STATUS_SUMMARY:
            return [HeatMeter.of(self._uplink, error_code=int.from_bytes(detail[:2], "little"))]
        if code == _DEVICE_ERROR:
            error = int.from_bytes(detail, "little")
            return [HeatMeter.of(self._uplink, error_code=error, flags=QualityFlag.METER_ERROR)]
        self._data.warn(f"event: {_EVENTS.get(code, f'code {code:02x}')}")
        return []

    def other_meter(self) -> list[Reading]:
        self._data.take(9)
        self._data.warn("the channel's meter was changed: check its binding")
        return []

    def _channel_name(self) -> str:
        channel = self._data.u8()
        if channel not in _CHANNELS:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no register for channel {channel}")
        return _CHANNELS[channel]

    def _series(self, name: str, last: datetime, step: timedelta) -> list[Reading]:
        flags = QualityFlag.HISTORY | QualityFlag.ESTIMATED
        found: list[Reading] = []
        for back in reversed(range(_VALUES)):
            value = self._number()
            fault = QualityFlag.SENSOR_FAULT if value is None else QualityFlag(0)
            at = (last - back * step).astimezone(UTC)
            found.append(HeatMeter.of(self._uplink, {name: value}, observed_at=at, flags=flags | fault))
        self._data.take(2)
        return found

    def _energy(self, name: str = "energy") -> None:
        self._measured[name] = value = self._number()
        if value is None:
            self._flags |= QualityFlag.SENSOR_FAULT

    def _cooling(self) -> None:
        raw = self._data.peek(3)
        value = self._number()
        if value is not None:
            self._measured["cooling_energy"] = value
        elif raw != _NOT_AVAILABLE[3]:
            self._measured["cooling_energy"] = None
            self._flags |= QualityFlag.SENSOR_FAULT

    def _status(self) -> None:
        self._measured["error_code"] = self._data.u16_le()

    def _number(self) -> float | None:
        raw = self._data.take(4)
        if self._subtype > 1:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"values of subtype {self._subtype} are no heat meter's")
        if raw == _NOT_AVAILABLE:
            return None
        value = bcd(raw) if self._subtype == 0 else int.from_bytes(raw, "little")
        return None if value is None or value < 0 else float(value)

    def _date(self) -> datetime | None:
        date = day(self._data.take(2))
        return None if date is None else datetime(date.year, date.month, date.day, tzinfo=UTC)

    def _of_past(self, at: datetime | None) -> list[Reading]:
        """A reading of the date that the packet gives; of the uplink's, with CLOCK, when that is not credible."""
        now = self._uplink.observed_at
        if at is None or not now - _OLDEST < at <= now + timedelta(days=1):
            self._flags |= QualityFlag.CLOCK
            at = now
        self._flags |= QualityFlag.HISTORY
        return [HeatMeter.of(self._uplink, self._measured, observed_at=at, flags=self._flags)]

    def _reading(self) -> list[Reading]:
        return [HeatMeter.of(self._uplink, self._measured, flags=self._flags)]


_CHANNELS = {0: "energy", 1: "cooling_energy"}

_Reader = Callable[[_Packet], list[Reading]]
_BY_TYPE: dict[int, _Reader] = {
    0x0: _Packet.current,
    0x1: _Packet.day,
    0x2: _Packet.month,
    0x3: _Packet.month_and_half,
    0x4: _Packet.key_date,
    0x5: _Packet.day_of_two,
    0x6: _Packet.month_of_two,
    0x7: _Packet.undated_months,
    0x8: _Packet.key_date_of_two,
    0xC: _Packet.hours,
    0xD: _Packet.quarters,
}
_BY_PACKET: dict[int, _Reader] = {
    0x90: _Packet.clock,
    0x91: _Packet.clock_and_status,
    0x92: _Packet.identity,
    0x93: _Packet.channel,
    0xA0: _Packet.event,
    0xB0: _Packet.other_meter,
}


DECODER = Decoder(
    name="zenner_zelsius",
    version=1,
    vendor="ZENNER",
    model="zelsius C5",
    function=decode,
    kinds=(HeatMeter, DeviceHealth),
    source="ZENNER LoRa Radio Packet Definitions v1.35, as restated by edumendez99/lora-decoders-zenner-water-meter",
    profiles=("ZENNER zelsius C5", "zelsius C5-IUF", "zelsius C5-ISF", "zelsius C5-CMF", "Minol Minocal C5"),
)
