"""Units in which vendors' codecs give a quantity, and how they become the canonical one of its column.

Codes are UCUM's, with the spellings that people write beside them (`°C`, `Wh`, `L`).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Scale(NamedTuple):
    """`(value * multiply + add) / divide`: whole numbers and one division keep decimals clean."""

    multiply: float = 1
    add: float = 0
    divide: float = 1

    def __call__(self, value: float) -> float:
        """`value` in the unit of the column."""
        return (value * self.multiply + self.add) / self.divide


SAME: Final = Scale()

_TEMPERATURES: Final = {
    "°C": SAME,
    "C": SAME,
    "K": Scale(add=-273.15),
    "[degF]": Scale(5, -160, 9),
    "°F": Scale(5, -160, 9),
}
_ENERGY: Final = {
    "Wh": Scale(divide=1000),
    "W.h": Scale(divide=1000),
    "MWh": Scale(1000),
    "J": Scale(divide=3_600_000),
    "kJ": Scale(divide=3600),
    "MJ": Scale(10, divide=36),
    "GJ": Scale(10_000, divide=36),
}
_CONVERSIONS: Final[Mapping[str, Mapping[str, Scale]]] = {
    "%{vol}": {"%": SAME, "m3/m3": Scale(100), "1": Scale(100)},
    "%": {"1": Scale(100)},
    "Cel": _TEMPERATURES,
    "K": {"Cel": SAME, "°C": SAME, "°F": Scale(5, divide=9)},  # differences of temperatures
    "uS/cm": {"µS/cm": SAME, "mS/cm": Scale(1000), "dS/m": Scale(1000), "mS/m": Scale(10), "S/m": Scale(10_000)},
    "kPa": {
        "Pa": Scale(divide=1000),
        "hPa": Scale(divide=10),
        "mbar": Scale(divide=10),
        "cbar": SAME,
        "bar": Scale(100),
    },
    "V": {"mV": Scale(divide=1000), "cV": Scale(divide=100)},
    "kWh": _ENERGY,
    "kW": {"W": Scale(divide=1000), "MW": Scale(1000)},
    "m3": {"L": Scale(divide=1000), "l": Scale(divide=1000)},
    "m3/h": {
        "L/h": Scale(divide=1000),
        "l/h": Scale(divide=1000),
        "L/min": Scale(60, divide=1000),
        "m3/s": Scale(3600),
    },
    "min": {"s": Scale(divide=60), "ms": Scale(divide=60_000), "h": Scale(60)},
}


def known_units(canonical: str) -> tuple[str, ...]:
    """The units from which a value can be brought into `canonical`, itself the first."""
    return (canonical, *_CONVERSIONS.get(canonical, {})) if canonical else ()


def conversion(unit: str, canonical: str) -> Scale:
    """How a value in `unit` becomes one in `canonical`.

    Raises:
        KeyError: no conversion is known.
    """
    return SAME if unit == canonical else _CONVERSIONS[canonical][unit]
