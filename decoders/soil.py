"""Formulas between what soil probes measure and the canonical quantities. Scalars in, scalars out; no state.

Each says its unit, its range and where it was published.
"""

from typing import NamedTuple

from decoders.readings import QualityFlag

WATERMARK_TEMPERATURE = 24.0
"""Cel, assumed where the soil's temperature is not known; the makers' own tables are made for it (75 F)."""
_WATERMARK_SHORT = 200.0
_WATERMARK_OPEN = 1_000_000.0
"""Ohm. A Watermark in water has 550, one that is air-dry some 30,000: less is a short circuit, more no sensor."""
_WATERMARK_LARGEST = 239.0
"""kPa, the end of the scale that readers of this sensor use; it is reliable from 10 to 200."""


class Tension(NamedTuple):
    """A tension in kPa, None where there is none to be had, and the flags that say why or how good it is."""

    value: float | None
    flags: QualityFlag


def watermark(ohm: float, celsius: float | None = None) -> Tension:
    """Soil water tension of a Watermark 200SS (granular matrix sensor) from its resistance and the soil's temperature.

        kPa = (3.213 R + 4.093) / (1 - 0.009733 R - 0.01205 T)      R in kOhm, T in Cel

    Without a temperature 24 Cel are assumed, and the tension is ESTIMATED: at 10 Cel that reads a third too dry. In
    frost the sensor feels ice, not tension.

    Source: Shock, Barnum, Seddigh 1998, Calibration of Watermark soil moisture sensors for irrigation management.
    """
    if ohm < _WATERMARK_SHORT:
        return Tension(None, QualityFlag.SENSOR_FAULT)
    if ohm >= _WATERMARK_OPEN:
        return Tension(None, QualityFlag.NO_SENSOR)
    if celsius is not None and celsius < 0:
        return Tension(None, QualityFlag.FROZEN)
    temperature = WATERMARK_TEMPERATURE if celsius is None else celsius
    resistance = ohm / 1000
    share = 1 - 0.009733 * resistance - 0.01205 * temperature
    tension = (3.213 * resistance + 4.093) / share if share > 0 else _WATERMARK_LARGEST + 1
    if tension > _WATERMARK_LARGEST:
        return Tension(None, QualityFlag.OUT_OF_RANGE)
    return Tension(tension, QualityFlag.ESTIMATED if celsius is None else _NO_FLAGS)


def topp(permittivity: float) -> float:
    """Volumetric water content in %vol of a mineral soil from its relative permittivity (1).

    Source: Topp, Davis, Annan 1980, Electromagnetic determination of soil water content; slightly negative in air.
    """
    return 100 * (4.3e-6 * permittivity**3 - 5.5e-4 * permittivity**2 + 2.92e-2 * permittivity - 5.3e-2)


def teros_moisture(tenths: int) -> float:
    """Volumetric water content in %vol of a mineral soil from tenths of the raw counts of a Teros 11 or 12.

        m3/m3 = 0.0003879 counts - 0.6956, slightly negative in air

    Source: Meter Group, Teros 11/12 manual, calibration for mineral soils.
    """
    return (tenths * 3_879 - 69_560_000) / 1_000_000


def teros_permittivity(tenths: int) -> float:
    """Apparent relative permittivity (1) from tenths of the raw counts of a Teros 11 or 12.

    Source: Meter Group, Teros 11/12 manual.
    """
    counts = tenths / 10
    return float((2.887e-9 * counts**3 - 2.08e-5 * counts**2 + 5.276e-2 * counts - 43.39) ** 2)


_NO_FLAGS = QualityFlag(0)
