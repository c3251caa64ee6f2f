"""Quantities: what a column of a reading means, in which unit, in which range it is plausible.

Units are UCUM codes (ucum.org). The canonical units of a city: soil moisture %vol, soil water tension kPa
(positive), temperature Cel, conductivity uS/cm, energy kWh, volume m3, power kW, flow m3/h, battery V and %.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite


class Nature(StrEnum):
    """How a quantity adds up over time; decides the columns of its rollups."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Metadata of one field of a reading kind, written as `Annotated[float | None, Quantity(...)]`.

    Attributes:
        unit: UCUM code; empty for states and `1` for dimensionless numbers.
        description: one line in English, shown in catalogue, docs and panels.
        low, high: plausible range in `unit`, inclusive; a value outside it is kept as None with OUT_OF_RANGE.
        title: German name for people.
    """

    unit: str
    description: str
    title: str
    nature: Nature = Nature.GAUGE
    low: float | None = None
    high: float | None = None

    def plausible(self, value: float) -> bool:
        """True when `value` is finite and within the range."""
        if self.low is not None and value < self.low:
            return False
        if self.high is not None and value > self.high:
            return False
        return isfinite(value)
