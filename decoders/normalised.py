"""The normalised vocabulary of The Things Stack, understood without a map: what `normalizeUplink` returns, or the data
of a codec that speaks it right away.

| in the result | reading and field | |
|---|---|---|
| `soil.moisture` | tree_moisture.soil_moisture | % |
| `soil.temperature` | tree_moisture.soil_temperature | °C |
| `soil.ec` | tree_moisture.conductivity | dS/m, kept as µS/cm |
| `air.temperature` beside `soil` | tree_moisture.air_temperature | °C |
| `battery` | device_health.battery_voltage | V |
| `time` | time of the reading | |

Several measurements of one time are several probes: by rising `soil.depth`, the uppermost is channel 0. Meters and
parking have no fields there; their codecs need `readings`. Of a household nothing is taken unasked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from decoders.codec_readings import MAX_ELEMENTS, CodecReadings
from decoders.codec_settings import FieldSettings, ReadingSettings
from decoders.json_path import JsonPath
from decoders.reader import ByteReader
from decoders.readings import Reading
from decoders.uplink import Uplink

_SOIL: Final = {
    "soil_moisture": FieldSettings(path="soil.moisture"),
    "soil_temperature": FieldSettings(path="soil.temperature"),
    "conductivity": FieldSettings(path="soil.ec", unit="dS/m"),
    "air_temperature": FieldSettings(path="air.temperature"),
}
_BATTERY: Final = {"battery_voltage": FieldSettings(path="battery")}
_DEPTH: Final = JsonPath.parse("soil.depth")
_TIMED: Final = {True: "time", False: None}


class NormalisedReadings:
    """From normalised measurements to readings; the same call as `CodecReadings`."""

    def __init__(self) -> None:
        self._soil: dict[tuple[int, bool], CodecReadings] = {}
        self._battery = {
            timed: CodecReadings([ReadingSettings(kind="device_health", time=_TIMED[timed], fields=_BATTERY)])
            for timed in (True, False)
        }
        self.kinds = self._soil_at(0, timed=False).kinds + self._battery[False].kinds

    def __call__(self, uplink: Uplink, result: object, notes: ByteReader) -> list[Reading]:
        """The readings of one measurement or of a list of them."""
        measurements = result if isinstance(result, Sequence) and not isinstance(result, str) else (result,)
        readings: list[Reading] = []
        for same_time in _by_time(measurements[:MAX_ELEMENTS]):
            timed = "time" in same_time[0]
            probes = sorted((one for one in same_time if "soil" in one), key=_depth)
            for channel, probe in enumerate(probes):
                readings += self._soil_at(channel, timed=timed)(uplink, probe, notes)
            for one in [one for one in same_time if "battery" in one][:1]:
                readings += self._battery[timed](uplink, one, notes)
        return readings

    def _soil_at(self, channel: int, *, timed: bool) -> CodecReadings:
        """The map of the probe at `channel`."""
        found = self._soil.get((channel, timed))
        if found is None:
            settings = ReadingSettings(kind="tree_moisture", channel=channel, time=_TIMED[timed], fields=_SOIL)
            found = self._soil[channel, timed] = CodecReadings([settings])
        return found


def _by_time(measurements: Iterable[object]) -> Iterable[list[Mapping[str, object]]]:
    """Measurements of one time together."""
    groups: dict[str, list[Mapping[str, object]]] = {}
    for measurement in measurements:
        if isinstance(measurement, Mapping):
            groups.setdefault(str(measurement.get("time", "")), []).append(measurement)
    return groups.values()


def _depth(measurement: Mapping[str, object]) -> float:
    depth = _DEPTH.find(measurement)
    return float(depth) if isinstance(depth, (int, float)) else 0.0
