"""Milesight VS121: camera that counts people in a view, its areas and along its ways; sends numbers only.

Layout, any port (85 by default): entries of channel, type and data, little-endian, one after the other (see
`decoders/milesight.py`):

    04 C9   people in view u8, number n of areas u8, u16 big-endian with bit i set when area i + 1 is occupied
    05 CC   in and out in the period, u16 each (the vendor's codec reads them signed)
    06 CD   most people at once in the period, u8
    07 D5   people in areas 1 to 8, u8 each; 08 D5 in areas 9 to 16
    09 DA   people on the ways from side A to sides A, B, C, D in the period, u16 each; 0A, 0B, 0C DA from B, C, D
    0D CC   in and out since start, u16 each
    0E E4   number of an area, average and longest stay, u16 s each
    0F 85   the sensor's time, u32 s since 1970
    10 F7   line crossing, u16 each: over which time is not published (no reading)
    20 CE   history: unix time u32, kind: 1, 2, 3 as 04, 05, 06; 4 to 7 four areas each; 8 to F two ways each;
            10 totals; 11 stays; 12 line crossing
    FF 0A   firmware, four bytes as in FF 1F: the example that has it goes on only so

Channels of the readings: 0 the whole view, 11 to 26 the areas, 200 + 10 i + j with i <= j the way between sides i and j
(A = 1 to D = 4): `entered_period` is the direction i to j, `exited_period` back.

There are no fault codes. Totals are u16 and begin anew by schedule.

Source: VS121 user guide; Milesight-IoT/SensorDecoders vs-series/vs121.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.milesight import DEVICE, extended_answers, firmware, skip
from decoders.people_counts import CountEntry, Counts, clock, dwell, history, passages, present
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, Reading
from decoders.uplink import Uplink

_AREAS = 16
_AREA_CHANNELS, _WAY_CHANNELS = 10, 200
_A, _B, _C, _D = range(1, 5)


def _view(counts: Counts, data: ByteReader) -> None:
    counts.add(0, {"present": data.u8()})
    areas, occupied = data.u8(), data.u16()
    for area in range(min(areas, _AREAS)):
        counts.add(_AREA_CHANNELS + area + 1, {"occupied": bool(occupied >> area & 1)})


def _peak(counts: Counts, data: ByteReader) -> None:
    counts.add(0, {"present_peak": data.u8()})


def _ways(start: int, *ends: int) -> CountEntry:
    """One u16 for each way from `start`."""

    def take(counts: Counts, data: ByteReader) -> None:
        for end in ends:
            first, last = sorted((start, end))
            field = "entered_period" if start <= end else "exited_period"
            counts.add(_WAY_CHANNELS + 10 * first + last, {field: data.u16_le()})

    return take


_TOTALS = passages(0, "entered", "exited")
_STAYS = dwell(_AREA_CHANNELS, _AREAS, "dwell_average", "dwell_longest")
_PAST_AREAS = {4 + quarter: present(_AREA_CHANNELS + 1 + 4 * quarter, 4) for quarter in range(4)}
_PAST_WAYS = {
    0x08 + 2 * (start - 1) + half: _ways(start, *ends)
    for start in (_A, _B, _C, _D)
    for half, ends in enumerate(((_A, _B), (_C, _D)))
}
_ENTRIES = {
    **DEVICE,
    **extended_answers(
        {
            1: "10 11 3d 86 87 88 8b 8c 93 94 98",
            2: "85 97",
            3: "92 96",
            4: "8d 8e",
            5: "91",
            6: "90 95",
            7: "99",
        }
    ),
    b"\xff\x0a": firmware,
    b"\x04\xc9": _view,
    b"\x05\xcc": passages(0),
    b"\x06\xcd": _peak,
    b"\x07\xd5": present(_AREA_CHANNELS + 1, 8),
    b"\x08\xd5": present(_AREA_CHANNELS + 9, 8),
    b"\x09\xda": _ways(_A, _A, _B, _C, _D),
    b"\x0a\xda": _ways(_B, _A, _B, _C, _D),
    b"\x0b\xda": _ways(_C, _A, _B, _C, _D),
    b"\x0c\xda": _ways(_D, _A, _B, _C, _D),
    b"\x0d\xcc": _TOTALS,
    b"\x0e\xe4": _STAYS,
    b"\x0f\x85": clock,
    b"\x10\xf7": skip(4),
    **history(
        {
            0x01: _view,
            0x02: passages(0),
            0x03: _peak,
            0x10: _TOTALS,
            0x11: _STAYS,
            0x12: skip(4),
            **_PAST_AREAS,
            **_PAST_WAYS,
        }
    ),
}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return Counts(uplink, data).read(_ENTRIES)


DECODER = Decoder(
    name="milesight_vs121",
    version=1,
    vendor="Milesight",
    model="VS121",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="VS121 user guide; Milesight-IoT/SensorDecoders vs-series/vs121",
    profiles=("Milesight VS121", "VS121", "milesight-iot/vs121"),
)
