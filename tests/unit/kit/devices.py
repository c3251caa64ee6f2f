"""Made-up decoders, one for each habit that the kit has to see through."""

from pathlib import Path

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.readings import DeviceHealth, QualityFlag, TreeMoisture
from decoders.registry import Entry, Origin

FAULT = 0xFFFF


def _words(uplink, data):
    """Two words; the first has a fault code. Byte 4 chooses what the second means, byte 5 is for nothing."""
    first, second, mode = data.u16(), data.u16(), data.u8()
    data.take(1)
    moisture = None if first == FAULT else first / 100
    flags = QualityFlag.SENSOR_FAULT if first == FAULT else QualityFlag(0)
    if mode not in (0, 1):
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "mode")
    name = "soil_temperature" if mode == 0 else "conductivity"
    return [TreeMoisture.of(uplink, {"soil_moisture": moisture, name: second / 10}, flags=flags)]


def _probes(uplink, data):
    """A byte for each probe."""
    return [TreeMoisture.of(uplink, channel=n, soil_moisture=float(byte)) for n, byte in enumerate(data.rest())]


def _checked(uplink, data):
    """A level and its complement."""
    level, check = data.u8(), data.u8()
    if level ^ check != 0xFF:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "complement")
    return [DeviceHealth.of(uplink, battery_level=float(level))]


WORDS = Decoder("words", 1, "test", "words", _words, (TreeMoisture,), "made up", f_ports=(2,))
PROBES = Decoder("probes", 1, "test", "probes", _probes, (TreeMoisture,), "made up")
CHECKED = Decoder("checked", 1, "test", "checked", _checked, (DeviceHealth,), "made up")


def configured(decoder: Decoder, folder: Path) -> Entry:
    """The decoder as one that a configuration in `folder` defines: without a file of its own."""
    return Entry(decoder, folder / "stadtfunk.yaml", "", Origin.CONFIGURED)
