"""Milesight EM500-SMTC (and EM500-SMT): soil moisture, temperature and conductivity, with a datalog.

Layout, any port (85 by default): entries of channel, type and data, little-endian, one after the other (see
`decoders/milesight.py`):

    01 75   battery, u8 %
    03 67   soil temperature, i16 / 10 Cel
    04 68   moisture in the old resolution, u8 / 2 %vol
    04 CA   moisture, u16 / 100 %vol
    05 7F   conductivity, u16 uS/cm
    83 D7   temperature alarm: temperature i16 / 10 Cel, its change i16 / 10, u8 kind of alarm
    20 CE   history: unix time u32, conductivity u16, temperature i16 / 10, moisture u16 / 100; repeats
    FF 0A   firmware, two bytes that read as hexadecimal digits; FF FE reset; FF 0B powered on
    FE, FF  other types: attributes and answers to downlinks (no reading)

Fault codes, on the raw 16 bits: FFFF the probe could not be read, FFFD out of the probe's range. The vendor's codec
compares an already signed temperature with them and reports -0.1 and -0.3 Cel.

A history entry is a reading of its own time, flagged HISTORY (see `decoders/datalog.py`).

Source: EM500-SMTC user guide; Milesight-IoT/SensorDecoders em-series/em500-smtc.
"""

from collections.abc import Callable, Sequence

from decoders.datalog import logged
from decoders.decoder import Decoder
from decoders.fields import Field, Layout
from decoders.milesight import DEVICE, HISTORY, battery, read_entries
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_FAULTS = {0xFFFF: QualityFlag.SENSOR_FAULT, 0xFFFD: QualityFlag.SENSOR_FAULT | QualityFlag.OUT_OF_RANGE}


def _temperature(offset: int = 0) -> Field:
    return Field("soil_temperature", offset, signed=True, divide=10, faults=_FAULTS)


def _moisture(offset: int = 0) -> Field:
    return Field("soil_moisture", offset, divide=100, faults=_FAULTS)


def _conductivity(offset: int = 0) -> Field:
    return Field("conductivity", offset, faults=_FAULTS)


_HISTORY = Layout(6, _conductivity(0), _temperature(2), _moisture(4), order="little")


class _Probe:
    """What the entries of one payload have said so far."""

    __slots__ = ("flags", "health", "history", "soil", "uplink")

    def __init__(self, uplink: Uplink) -> None:
        self.uplink = uplink
        self.flags = QualityFlag(0)
        self.soil: dict[str, object] = {}
        self.health: dict[str, object] = {}
        self.history: list[Reading] = []

    def device(self, channel: int = 0, **values: object) -> None:  # noqa: ARG002  (it has one part)
        self.health.update(values)


_Take = Callable[[_Probe, ByteReader], None]


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    probe = _Probe(uplink)
    read_entries(data, probe, _ENTRIES)
    readings: list[Reading] = [TreeMoisture.of(uplink, probe.soil, flags=probe.flags)] if probe.soil else []
    if probe.health:
        readings.append(DeviceHealth.of(uplink, probe.health))
    return readings + probe.history


def _measured(layout: Layout) -> _Take:
    def take(probe: _Probe, data: ByteReader) -> None:
        measured, faults = layout.read(data)
        probe.soil.update(measured)
        probe.flags |= faults

    return take


def _history(probe: _Probe, data: ByteReader) -> None:
    unix_time = data.u32_le()
    measured, flags = _HISTORY.read(data)
    probe.history += logged(TreeMoisture, probe.uplink, data, measured, unix_time=unix_time, flags=flags)


_ENTRIES: dict[bytes, _Take] = {
    **DEVICE,
    b"\x01\x75": battery,
    b"\x03\x67": _measured(Layout(2, _temperature(), order="little")),
    b"\x04\x68": _measured(Layout(1, Field("soil_moisture", 0, 1, divide=2), order="little")),
    b"\x04\xca": _measured(Layout(2, _moisture(), order="little")),
    b"\x05\x7f": _measured(Layout(2, _conductivity(), order="little")),
    b"\x83\xd7": _measured(Layout(5, _temperature(), order="little")),
    HISTORY: _history,
}

DECODER = Decoder(
    name="milesight_em500_smtc",
    version=1,
    vendor="Milesight",
    model="EM500-SMTC / EM500-SMT",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="EM500-SMTC user guide; Milesight-IoT/SensorDecoders em-series/em500-smtc",
    profiles=(
        "Milesight EM500-SMTC",
        "EM500-SMTC",
        "Milesight EM500-SMT",
        "EM500-SMT",
        "milesight-iot/em500-smtc",
        "milesight-iot/em500-smt",
    ),
)
