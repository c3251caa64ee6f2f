"""From the M-Bus records of a heat meter to one `HeatMeter` reading; the part that all makes share."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from decoders.mbus.header import Function, Header, parse_header
from decoders.mbus.records import Record, Value
from decoders.mbus.vif import Measure
from decoders.readings import HeatMeter, QualityFlag
from decoders.uplink import Uplink

METER_ID = "meter_id"
"""Stands for the reading's `subject` among the fields."""

COOLING = b"\x02"
"""Manufacturer's extension (`FF 02`) by which Elvaco and Kamstrup mark an energy as cooling energy."""

_FORWARD, _BACKWARD = (0x3B,), (0x3C,)
_DIRECTIONS = (_FORWARD, _BACKWARD)
"""Modifiers by which meters for heat and cold tell what they counted for heating from what for cooling."""

_CURRENT = {
    Measure.ENERGY: "energy",
    Measure.VOLUME: "volume",
    Measure.POWER: "power",
    Measure.VOLUME_FLOW: "flow",
    Measure.FLOW_TEMPERATURE: "flow_temperature",
    Measure.RETURN_TEMPERATURE: "return_temperature",
    Measure.TEMPERATURE_DIFFERENCE: "temperature_difference",
    Measure.ERROR_FLAGS: "error_code",
    Measure.DATE_TIME: "meter_time",
    Measure.FABRICATION_NUMBER: METER_ID,
    Measure.IDENTIFICATION: METER_ID,
}
_TARIFFS = {1: "energy_tariff_1", 2: "energy_tariff_2", 3: "energy_tariff_3"}
_LARGEST_CODE = 2**63 - 1
"""What a database column holds."""


@dataclass(slots=True)
class HeatTelegram:
    """Collects the records of one telegram; the first record of a field wins.

    A value in error state becomes None with METER_ERROR: the meter does not answer or distrusts its sensor. An
    invalid one (BCD digit above 9, "not available") becomes None with SENSOR_FAULT, an invalid time with CLOCK.
    """

    values: dict[str, object] = field(default_factory=dict)
    flags: QualityFlag = QualityFlag(0)
    subject: str = ""

    def add(self, record: Record) -> bool:
        """Take a record by the standard's meaning; False when no field stands for it."""
        name = heat_field(record.header.raw)
        if name is None:
            return False
        self.put(name, record)
        return True

    def put(self, name: str, record: Record) -> None:
        """Take a record as the field `name`."""
        header, value, _ = record
        if name == METER_ID:
            self._identify(record)
        elif name in self.values:
            pass
        elif header.function is Function.ERROR:
            self.values[name] = None
            self.flags |= QualityFlag.METER_ERROR
        elif _fits(name, value):
            self.values[name] = value
        else:
            self.values[name] = None
            self.flags |= QualityFlag.CLOCK if name == "meter_time" else QualityFlag.SENSOR_FAULT

    def reading(self, uplink: Uplink) -> HeatMeter:
        """The telegram as one reading."""
        return HeatMeter.of(uplink, self.values, subject=self.subject, flags=self.flags)

    def _identify(self, record: Record) -> None:
        """Take the meter's number; the fabrication number goes before other identifications."""
        if record.header.function is Function.ERROR:
            self.flags |= QualityFlag.METER_ERROR
        elif not self.subject or record.header.vif.measure is Measure.FABRICATION_NUMBER:
            number = meter_number(record)
            if number:
                self.subject = number
            else:
                self.flags |= QualityFlag.SENSOR_FAULT


@lru_cache(maxsize=1024)
def heat_field(raw_header: bytes) -> str | None:
    """The field of `HeatMeter` (or `METER_ID`) that a record with this header is; None when there is none."""
    header = parse_header(raw_header)
    measure = header.vif.measure
    if header.modifiers in _DIRECTIONS:
        forward, header = header.modifiers == _FORWARD, header._replace(modifiers=())
        if not forward:
            return "cooling_energy" if header.current and measure is Measure.ENERGY else None
    if header.current:
        return _CURRENT.get(measure)
    if measure is not Measure.ENERGY or header.subunit or header.modifiers:
        return None
    return _other_energy(header)


def _other_energy(header: Header) -> str | None:
    """Tariff registers, the last due date and cooling energy."""
    if header.function not in (Function.INSTANTANEOUS, Function.ERROR):
        return None
    match header.storage, header.tariff, header.manufacturer:
        case 0, tariff, b"" if tariff:
            return _TARIFFS.get(tariff)
        case 1, 0, b"":
            return "energy_due_date"
        case 0, 0, manufacturer if manufacturer == COOLING:
            return "cooling_energy"
    return None


def meter_number(record: Record) -> str:
    """A meter's number as printed on it: 8 digits for BCD and integers, text as sent; empty when invalid.

    The long identification (8 bytes) is the number as BCD, manufacturer, version and medium.
    """
    value = record.value
    if record.header.vif.measure is Measure.IDENTIFICATION and len(record.data) == 8:
        digits = record.data[3::-1].hex()
        return digits if digits.isdecimal() else ""
    if isinstance(value, str):
        text = value.strip(" \0")
        return text if text.isascii() and text.isalnum() and len(text) <= 32 else ""
    return f"{value:08d}" if isinstance(value, int) and value >= 0 else ""


def _fits(name: str, value: Value) -> bool:
    """True when the field takes this value; a meter could send a text as its error code."""
    if name == "error_code":
        return isinstance(value, int) and 0 <= value <= _LARGEST_CODE
    return isinstance(value, datetime if name == "meter_time" else float)
