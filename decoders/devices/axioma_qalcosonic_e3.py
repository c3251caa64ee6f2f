"""Axioma QALCOSONIC E1, E3 and E4: ultrasonic meters of heat and cold.

Layout, port 100, little-endian; the profile that is set in the meter shows in the length:

    48  Extended: time u32, status u8, energy u32, volume u32, time of the log u32, energy and volume at it u32, then
        five hourly increments (energy u16, volume u16), and 2F 2F 2F
    48  Nordic (other last bytes): time u32, then two blocks, the second a stored one: its time u32, energy u32, volume
        u32, power u24, flow u24, supply and return temperature u16 / 100 Cel
    35  time, status, energy, cooling energy, volume u32, power u24, flow u24, supply and return temperature u16 / 100
        Cel, working time u32, period u32
    41  heat: time, status, energy, volume, then energy and volume of three periods before, period u32
    45  heat and cold: time, status, energy, cooling energy, volume, then the three of two periods before, period u32

    port 103: time u32, status u8 (an alarm)

Times are seconds since 1970, energies kWh (as set in the meter; kWh is the usual one), volumes litres, power 0.1 kW,
flow 0.001 m3/h. The period is in hours; the periods before ended at the last multiples of it, which is computed and so
flagged ESTIMATED. A log's time is of a full hour. Energy of all FF is not available.

Status: 04 power low, 08 permanent error, 10 temporary error or empty pipe; 08 and 10 raise METER_ERROR.

The one published decoder reads power and flow as decimal digits of the hex text; here they are binary like every other
number. No telegram of a real meter is public for the profiles of 35 and 41 bytes.

Source: Axioma "E1/E3 LoRa payload extended" V2.0 (2019); field lists of adamh-utopi/Payload-decoders.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import HeatMeter, QualityFlag, Reading
from decoders.uplink import EARLIEST, Uplink

_DATA, _ALARM = 100, 103
_EXTENDED_PADDING = b"\x2f\x2f\x2f"
_INCREMENTS = 5
_FAULTS = 0x18
_NOT_AVAILABLE = 0xFFFFFFFF
_HOUR = timedelta(hours=1)
_LONGEST_PERIOD = 24 * 31
_CLOCK_LIMIT = timedelta(days=1)

_ENERGY = ("energy", 1)
_COOLING = ("cooling_energy", 1)
_VOLUME = ("volume", 1000)
_Registers = Sequence[tuple[str, int]]
"""Fields of u32 and their divisors."""
_PAST = QualityFlag.HISTORY
_ESTIMATED_PAST = QualityFlag.HISTORY | QualityFlag.ESTIMATED


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port == _ALARM:
        return [_Telegram(uplink, data).alarm()]
    profile = _profile(data.payload)
    return profile(_Telegram(uplink, data))


class _Telegram:
    """One payload: reads blocks and makes readings of the meter's own times."""

    def __init__(self, uplink: Uplink, data: ByteReader) -> None:
        self._uplink = uplink
        self._data = data
        self._status: dict[str, object] = {}
        self._flags = QualityFlag(0)

    def alarm(self) -> Reading:
        at = self._time()
        self._read_status()
        return self._reading(at, {}, self._flags | QualityFlag.METER_ERROR)

    def extended(self) -> list[Reading]:
        at = self._time()
        self._read_status()
        now = self._reading(at, self._registers((_ENERGY, _VOLUME)), self._flags)
        logged_at, energy, volume = self._time(), self._data.u32_le(), self._data.u32_le()
        past = [self._reading(logged_at, _sums(energy, volume), self._flags | _PAST)]
        for step in range(1, _INCREMENTS + 1):
            energy, volume = energy + self._data.u16_le(), volume + self._data.u16_le()
            past.append(self._reading(logged_at + step * _HOUR, _sums(energy, volume), self._flags | _PAST))
        self._data.take(len(_EXTENDED_PADDING))
        return [now, *past]

    def nordic(self) -> list[Reading]:
        self._time()
        at = self._time()
        now = self._reading(at, self._registers((_ENERGY, _VOLUME)) | self._moment(), self._flags)
        stored_at = self._time()
        stored = self._reading(stored_at, self._registers((_ENERGY, _VOLUME)) | self._moment(), self._flags | _PAST)
        return [now, stored]

    def basic_lt(self) -> list[Reading]:
        at = self._time()
        self._read_status()
        measured = self._registers((_ENERGY, _COOLING, _VOLUME)) | self._moment()
        self._data.take(8)
        return [self._reading(at, measured, self._flags)]

    def basic(self, registers: _Registers, periods: int) -> list[Reading]:
        at = self._time()
        self._read_status()
        measured = [self._registers(registers) for _ in range(periods + 1)]
        ends = self._ends(at, self._data.u32_le())
        past = zip(ends, measured[1:], strict=False)
        return [
            self._reading(at, measured[0], self._flags),
            *(self._reading(end, values, self._flags | _ESTIMATED_PAST) for end, values in past),
        ]

    def _ends(self, at: datetime, hours: int) -> list[datetime]:
        """When the periods before ended, the latest first; none for a period that no meter has."""
        if not 1 <= hours <= _LONGEST_PERIOD:
            self._data.warn(f"period of {hours} hours: the values before are dropped")
            return []
        seconds = hours * 3600
        last = int(at.timestamp()) // seconds * seconds
        return [datetime.fromtimestamp(last - back * seconds, UTC) for back in range(3)]

    def _time(self) -> datetime:
        """A time of the meter; the uplink's, with CLOCK, where it is not credible."""
        at = datetime.fromtimestamp(self._data.u32_le(), UTC)
        if at < EARLIEST or at - self._uplink.observed_at > _CLOCK_LIMIT:
            self._flags |= QualityFlag.CLOCK
            return self._uplink.observed_at
        return at

    def _read_status(self) -> None:
        status = self._data.u8()
        self._status = {"error_code": status}
        if status & _FAULTS:
            self._flags |= QualityFlag.METER_ERROR

    def _registers(self, registers: _Registers) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, divide in registers:
            raw = self._data.u32_le()
            values[name] = None if raw == _NOT_AVAILABLE else raw / divide
        return values

    def _moment(self) -> dict[str, object]:
        """Power, flow and temperatures of a moment."""
        power, flow = self._data.unsigned(3, "little"), self._data.unsigned(3, "little")
        return {
            "power": power / 10,
            "flow": flow / 1000,
            "flow_temperature": self._data.u16_le() / 100,
            "return_temperature": self._data.u16_le() / 100,
        }

    def _reading(self, at: datetime, measured: dict[str, object], flags: QualityFlag) -> Reading:
        if measured.get("energy", 0) is None:
            flags |= QualityFlag.SENSOR_FAULT
        status = {} if flags & QualityFlag.HISTORY else self._status
        return HeatMeter.of(self._uplink, measured | status, observed_at=at, flags=flags)


def _sums(energy: int, volume: int) -> dict[str, object]:
    return {"energy": float(energy), "volume": volume / 1000}


def _profile(payload: bytes) -> Callable[["_Telegram"], list[Reading]]:
    """How a payload of this length is read."""
    if len(payload) == _DOUBLE:
        return _Telegram.extended if payload.endswith(_EXTENDED_PADDING) else _Telegram.nordic
    if len(payload) in _PROFILES:
        return _PROFILES[len(payload)]
    reason = RejectReason.TRUNCATED if len(payload) < _SHORTEST else RejectReason.INVALID_PAYLOAD
    raise DecodeError(reason, f"no profile has {len(payload)} bytes")


_DOUBLE = 48
_PROFILES: dict[int, Callable[[_Telegram], list[Reading]]] = {
    35: _Telegram.basic_lt,
    41: lambda telegram: telegram.basic((_ENERGY, _VOLUME), 3),
    45: lambda telegram: telegram.basic((_ENERGY, _COOLING, _VOLUME), 2),
}
_SHORTEST = min(_PROFILES)


DECODER = Decoder(
    name="axioma_qalcosonic_e3",
    version=1,
    vendor="Axioma",
    model="QALCOSONIC E1/E3/E4",
    function=decode,
    kinds=(HeatMeter,),
    source="Axioma E1/E3 LoRa payload extended V2.0; field lists of adamh-utopi/Payload-decoders",
    profiles=("Axioma QALCOSONIC E3", "QALCOSONIC E3", "Axioma QALCOSONIC E1", "Axioma QALCOSONIC E4"),
    f_ports=(_DATA, _ALARM),
)
