"""Milesight VS133 and VS135: people counting with time of flight, up to four lines and four areas.

Layout, any port (85 by default): entries of channel, type and data, little-endian, one after the other (see
`decoders/milesight.py`). For line n = 1 to 4, with c = 3 (n - 1):

    03+c D2   people in since start, u32; 04+c D2 people out; 05+c CC in and out in the period, u16 each
    0F E3     people in areas 1 to 4, u8 each
    10 E4     number of an area, average and longest stay, u16 s each
    50 FC     alarm: kind, node (0 = master), 1 when its view is covered
    20 CE     history: unix time u32, kind, then four bytes as above, with kind = the channel of the live entry; kinds
              10 (average) and 20 (longest stay) have the number of an area and one u16

Children (below a configured height) are counted among the people and once more by themselves: lines from 11 to 1C,
areas at 1D, stays at 1E; in history 1E (average) and 3C (longest).

Channels of the readings: 1 to 4 the lines, 11 to 14 the areas; the same plus 100 for children.

Totals are u32 and begin anew by schedule or command. A covered view raises SENSOR_FAULT: totals stand still.

Source: VS133 and VS135 user guides; Milesight-IoT/SensorDecoders vs-series/vs133, vs135.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.milesight import DEVICE, extended_answers
from decoders.people_counts import CountEntry, Counts, dwell, history, passages, present, total
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, QualityFlag, Reading
from decoders.uplink import Uplink

_LINES = _AREAS = 4
_AREA_CHANNELS = 10
_CHILDREN = 100


def _lines(first: int, channels: int) -> dict[int, tuple[int, CountEntry]]:
    """Type and meaning of the entries of all lines, whose channels begin at `first`."""
    entries: dict[int, tuple[int, CountEntry]] = {}
    for number in range(_LINES):
        line = channels + number + 1
        entries[first + 3 * number] = 0xD2, total(line, "entered")
        entries[first + 3 * number + 1] = 0xD2, total(line, "exited")
        entries[first + 3 * number + 2] = 0xCC, passages(line)
    return entries


def _covered(counts: Counts, data: ByteReader) -> None:
    _, node, status = data.take(3)
    if status:
        data.warn(f"the view of node {node} is covered")
        counts.flags |= QualityFlag.SENSOR_FAULT


def _stays(channels: int, *fields: str) -> CountEntry:
    return dwell(channels + _AREA_CHANNELS, _AREAS, *(fields or ("dwell_average", "dwell_longest")))


_COUNTS = (
    _lines(0x03, 0)
    | _lines(0x11, _CHILDREN)
    | {
        0x0F: (0xE3, present(_AREA_CHANNELS + 1, _AREAS)),
        0x1D: (0xE3, present(_CHILDREN + _AREA_CHANNELS + 1, _AREAS)),
    }
)
_PAST_STAYS = {
    0x10: _stays(0, "dwell_average"),
    0x20: _stays(0, "dwell_longest"),
    0x1E: _stays(_CHILDREN, "dwell_average"),
    0x3C: _stays(_CHILDREN, "dwell_longest"),
}
_ENTRIES = {
    **DEVICE,
    **extended_answers({1: "86 87", 2: "85 88", 3: "84"}),
    **{bytes((channel, kind)): take for channel, (kind, take) in _COUNTS.items()},
    **history({channel: take for channel, (_, take) in _COUNTS.items()} | _PAST_STAYS),
    b"\x10\xe4": _stays(0),
    b"\x1e\xe4": _stays(_CHILDREN),
    b"\x50\xfc": _covered,
}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return Counts(uplink, data).read(_ENTRIES)


DECODER = Decoder(
    name="milesight_vs13x",
    version=1,
    vendor="Milesight",
    model="VS133 / VS135",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="VS133 and VS135 user guides; Milesight-IoT/SensorDecoders vs-series/vs133, vs135",
    profiles=(
        "Milesight VS133",
        "VS133",
        "Milesight VS135",
        "VS135",
        "milesight-iot/vs133",
        "milesight-iot/vs135",
    ),
)
