"""The value information of M-Bus records (EN 13757-3, tables of VIF and VIFE): what is measured and in which unit.

Scales are whole numbers, `raw * multiply / divide`, and lead to Stadtfunk's units: energy kWh, volume m3, power kW,
flow m3/h, temperature Cel, durations s. A VIF says Wh or J, W or J/h, m3/h or m3/s; nothing is assumed.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple


class Measure(StrEnum):
    """What the value of a record is."""

    ENERGY = "energy"
    VOLUME = "volume"
    MASS = "mass"
    ON_TIME = "on_time"
    OPERATING_TIME = "operating_time"
    POWER = "power"
    VOLUME_FLOW = "volume_flow"
    MASS_FLOW = "mass_flow"
    FLOW_TEMPERATURE = "flow_temperature"
    RETURN_TEMPERATURE = "return_temperature"
    TEMPERATURE_DIFFERENCE = "temperature_difference"
    EXTERNAL_TEMPERATURE = "external_temperature"
    PRESSURE = "pressure"
    DATE = "date"
    DATE_TIME = "date_time"
    HEAT_COST_UNITS = "heat_cost_units"
    AVERAGING_DURATION = "averaging_duration"
    ACTUALITY_DURATION = "actuality_duration"
    FABRICATION_NUMBER = "fabrication_number"
    IDENTIFICATION = "identification"
    BUS_ADDRESS = "bus_address"
    ERROR_FLAGS = "error_flags"
    DEVICE_TYPE = "device_type"
    MANUFACTURER = "manufacturer"
    MODEL_VERSION = "model_version"
    HARDWARE_VERSION = "hardware_version"
    FIRMWARE_VERSION = "firmware_version"
    SOFTWARE_VERSION = "software_version"
    CUSTOMER_LOCATION = "customer_location"
    CUSTOMER = "customer"
    REMAINING_BATTERY = "remaining_battery"
    MANUFACTURER_SPECIFIC = "manufacturer_specific"
    PLAIN_TEXT = "plain_text"
    OTHER = "other"


class Vif(NamedTuple):
    """Meaning of a VIF: the measure, its canonical unit (UCUM) and the scale that leads to it."""

    measure: Measure
    unit: str = ""
    multiply: int = 1
    divide: int = 1

    def times_ten_to(self, exponent: int) -> "Vif":
        """The same with a scale of `10 ** exponent` more."""
        if exponent >= 0:
            return self._replace(multiply=self.multiply * 10**exponent)
        return self._replace(divide=self.divide * 10**-exponent)


_KWH = Vif(Measure.ENERGY, "kWh")
_JOULE = Vif(Measure.ENERGY, "kWh", divide=3_600_000)
_MEGACALORIE = Vif(Measure.ENERGY, "kWh", multiply=1163, divide=1000)
_CUBIC_METRE = Vif(Measure.VOLUME, "m3")
_KILOGRAM = Vif(Measure.MASS, "kg")
_KW = Vif(Measure.POWER, "kW")
_JOULE_PER_HOUR = Vif(Measure.POWER, "kW", divide=3_600_000)
_FLOW = Vif(Measure.VOLUME_FLOW, "m3/h")
_SECONDS = (1, 60, 3600, 86_400)

_Rows = tuple[tuple[int, int, Vif, int], ...]
"""First code, number of codes, meaning, and the exponent of ten of the first code; each next code is ten times more."""

_PRIMARY_ROWS: _Rows = (
    (0x00, 8, _KWH, -6),
    (0x08, 8, _JOULE, 0),
    (0x10, 8, _CUBIC_METRE, -6),
    (0x18, 8, _KILOGRAM, -3),
    (0x28, 8, _KW, -6),
    (0x30, 8, _JOULE_PER_HOUR, 0),
    (0x38, 8, _FLOW, -6),
    (0x40, 8, _FLOW._replace(multiply=60), -7),
    (0x48, 8, _FLOW._replace(multiply=3600), -9),
    (0x50, 8, Vif(Measure.MASS_FLOW, "kg/h"), -3),
    (0x58, 4, Vif(Measure.FLOW_TEMPERATURE, "Cel"), -3),
    (0x5C, 4, Vif(Measure.RETURN_TEMPERATURE, "Cel"), -3),
    (0x60, 4, Vif(Measure.TEMPERATURE_DIFFERENCE, "K"), -3),
    (0x64, 4, Vif(Measure.EXTERNAL_TEMPERATURE, "Cel"), -3),
    (0x68, 4, Vif(Measure.PRESSURE, "bar"), -3),
)

_FB_ROWS: _Rows = (
    (0x00, 2, _KWH, 2),
    (0x08, 2, _JOULE, 8),
    (0x0C, 4, _MEGACALORIE, -1),
    (0x10, 2, _CUBIC_METRE, 2),
    (0x18, 2, _KILOGRAM, 5),
    (0x28, 2, _KW, 2),
    (0x30, 2, _JOULE_PER_HOUR, 8),
)


def _expand(rows: _Rows) -> Iterator[tuple[int, Vif]]:
    for first, count, meaning, exponent in rows:
        for step in range(count):
            yield first + step, meaning.times_ten_to(exponent + step)


def _durations(first: int, measure: Measure) -> Iterator[tuple[int, Vif]]:
    for step, seconds in enumerate(_SECONDS):
        yield first + step, Vif(measure, "s", multiply=seconds)


PRIMARY: dict[int, Vif] = {
    **dict(_expand(_PRIMARY_ROWS)),
    **dict(_durations(0x20, Measure.ON_TIME)),
    **dict(_durations(0x24, Measure.OPERATING_TIME)),
    0x6C: Vif(Measure.DATE),
    0x6D: Vif(Measure.DATE_TIME),
    0x6E: Vif(Measure.HEAT_COST_UNITS, "1"),
    **dict(_durations(0x70, Measure.AVERAGING_DURATION)),
    **dict(_durations(0x74, Measure.ACTUALITY_DURATION)),
    0x78: Vif(Measure.FABRICATION_NUMBER),
    0x79: Vif(Measure.IDENTIFICATION),
    0x7A: Vif(Measure.BUS_ADDRESS),
    0x7C: Vif(Measure.PLAIN_TEXT),
    0x7F: Vif(Measure.MANUFACTURER_SPECIFIC),
}

EXTENSION_FB: dict[int, Vif] = dict(_expand(_FB_ROWS))

EXTENSION_FD: dict[int, Vif] = {
    0x09: Vif(Measure.DEVICE_TYPE),
    0x0A: Vif(Measure.MANUFACTURER),
    0x0C: Vif(Measure.MODEL_VERSION),
    0x0D: Vif(Measure.HARDWARE_VERSION),
    0x0E: Vif(Measure.FIRMWARE_VERSION),
    0x0F: Vif(Measure.SOFTWARE_VERSION),
    0x10: Vif(Measure.CUSTOMER_LOCATION),
    0x11: Vif(Measure.CUSTOMER),
    0x17: Vif(Measure.ERROR_FLAGS),
    0x74: Vif(Measure.REMAINING_BATTERY, "s", multiply=86_400),
}

UNKNOWN = Vif(Measure.OTHER)
