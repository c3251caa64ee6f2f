"""Milesight VS330: is somebody in the room? Infrared and time of flight.

Layout, any port (85 by default): entries of channel, type and data, little-endian, one after the other (see
`decoders/milesight.py`):

    01 75   battery, u8 %
    02 82   distance, u16 mm (no reading)
    03 8E   occupied, u8
    04 8E   calibration, u8: 1 succeeded, 0 failed

After a failed calibration the sensor does not know the empty room: SENSOR_FAULT.

Source: VS330 user guide; Milesight-IoT/SensorDecoders vs-series/vs330.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.milesight import DEVICE, battery, skip
from decoders.people_counts import Counts
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, QualityFlag, Reading
from decoders.uplink import Uplink


def _occupied(counts: Counts, data: ByteReader) -> None:
    counts.add(0, {"occupied": data.u8() != 0})


def _calibration(counts: Counts, data: ByteReader) -> None:
    if not data.u8():
        data.warn("calibration failed")
        counts.flags |= QualityFlag.SENSOR_FAULT


_ENTRIES = {
    **DEVICE,
    b"\x01\x75": battery,
    b"\x02\x82": skip(2),
    b"\x03\x8e": _occupied,
    b"\x04\x8e": _calibration,
}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return Counts(uplink, data).read(_ENTRIES)


DECODER = Decoder(
    name="milesight_vs330",
    version=1,
    vendor="Milesight",
    model="VS330",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="VS330 user guide; Milesight-IoT/SensorDecoders vs-series/vs330",
    profiles=("Milesight VS330", "VS330", "milesight-iot/vs330"),
)
