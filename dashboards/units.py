"""Units of quantities (UCUM) as Grafana names them: its own unit where it has one, else a suffix behind the number."""

from typing import Final

from grafana_foundation_sdk.models import units

_KNOWN: Final = {
    "": units.NoUnit,
    "1": units.NoUnit,
    "%": units.Percent,
    "Cel": units.Celsius,
    "K": "suffix: K",  # Grafana's own kelvin is a temperature; ours are differences
    "kPa": units.Kilopascals,
    "V": units.Volt,
    "dB": units.Decibel,
    "dBm": units.DecibelMilliWatt,
    "kWh": units.KiloWattHour,
    "kW": units.KiloWatt,
    "m3": units.CubicMeter,
    "m3/h": "suffix: m³/h",
    "kOhm": units.KiloOhm,
    "s": units.Seconds,
    "min": units.Minutes,
    "h": units.Hours,
    "d": units.Days,
    "By": units.BytesIEC,
    "%{vol}": "suffix: Vol.-%",
    "%{mass}": "suffix: Gew.-%",
    "uS/cm": "suffix: µS/cm",
    "{vehicle}": units.NoUnit,
    "{person}": units.NoUnit,
}


def grafana_unit(ucum: str) -> str:
    """Grafana's unit for `ucum`; one that is not known stands behind the number as it is."""
    known = _KNOWN.get(ucum)
    if known is not None:
        return known
    return units.NoUnit if ucum.startswith("{") else f"suffix: {ucum}"
