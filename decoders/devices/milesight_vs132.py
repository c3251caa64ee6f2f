"""Milesight VS132: people counting with time of flight, one line.

Layout, any port (85 by default): entries of channel, type and data, little-endian, one after the other (see
`decoders/milesight.py`):

    03 D2   people in since start, u32
    04 D2   people out since start, u32
    05 CC   in and out in the period, u16 each

Totals begin anew by command. There are no fault codes.

Source: Milesight-IoT/SensorDecoders vs-series/vs132.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.milesight import DEVICE
from decoders.people_counts import Counts, passages, total
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, Reading
from decoders.uplink import Uplink

_ENTRIES = {
    **DEVICE,
    b"\x03\xd2": total(0, "entered"),
    b"\x04\xd2": total(0, "exited"),
    b"\x05\xcc": passages(0),
}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return Counts(uplink, data).read(_ENTRIES)


DECODER = Decoder(
    name="milesight_vs132",
    version=1,
    vendor="Milesight",
    model="VS132",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="Milesight-IoT/SensorDecoders vs-series/vs132",
    profiles=("Milesight VS132", "VS132"),
)
