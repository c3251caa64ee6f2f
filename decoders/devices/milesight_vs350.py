"""Milesight VS350, VS351 and VS360: people counters for one passage (thermopile; VS360: light barrier).

Layout, any port (85 by default): entries of channel, type and data, little-endian, one after the other (see
`decoders/milesight.py`):

    01 75   battery, u8 %; of the VS360's main part            02 75   battery of the VS360's other part, u8 %
    03 67   temperature, i16 / 10 Cel                          83 67   the same and an alarm (1, 3 = on)
    04 CC   in and out since start, u16 each                   84 CC   the same and an alarm
    05 CC   in and out in the period, u16 each                 85 CC   the same and an alarm
    0A EF   the sensor's time, u32 s since 1970
    03 F4   VS360: kind of fault (0 counting anomaly, 1 other part is silent, 2 misaligned), 1 = on
    20 CE   history: unix time u32, kind (0 period, 1 period and totals), in and out, u16 each

Totals are u16: they wrap, and begin anew by schedule. The other part of a VS360 is channel 1 of the device's health.

A fault of the VS360 raises SENSOR_FAULT. The vendor's examples of threshold alarms carry them in words; they are no
reading, and a temperature alarm is reported as a warning.

Source: VS350, VS351, VS360 user guides; Milesight-IoT/SensorDecoders vs-series/vs350, vs351, vs360.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.milesight import DEVICE, battery, extended_answers, skip
from decoders.people_counts import Counts, clock, history, passages
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, QualityFlag, Reading
from decoders.uplink import Uplink

_OTHER_PART = 1
_FAULTS = {0: "counting anomaly", 1: "the other part does not answer", 2: "the parts are misaligned"}
_TEMPERATURE_ALARMS = {1: "temperature threshold", 3: "high temperature"}


def _other_battery(counts: Counts, data: ByteReader) -> None:
    counts.device(_OTHER_PART, battery_level=float(data.u8()))


def _temperature(counts: Counts, data: ByteReader) -> None:
    counts.device(device_temperature=data.i16_le() / 10)


def _temperature_alarm(counts: Counts, data: ByteReader) -> None:
    _temperature(counts, data)
    alarm = _TEMPERATURE_ALARMS.get(data.u8())
    if alarm:
        data.warn(f"alarm: {alarm}")


def _fault(counts: Counts, data: ByteReader) -> None:
    kind, on = data.take(2)
    if on:
        data.warn(_FAULTS.get(kind, f"fault {kind}"))
        counts.flags |= QualityFlag.SENSOR_FAULT


def _period_and_totals(counts: Counts, data: ByteReader) -> None:
    _PERIOD(counts, data)
    _TOTALS(counts, data)


_PERIOD = passages(0)
_TOTALS = passages(0, "entered", "exited")
_ENTRIES = {
    **DEVICE,
    **extended_answers({1: "10 86 87 8b 8c a2 a3", 2: "85", 4: "8d"}),
    b"\xff\xac": skip(5),
    b"\xff\xad": skip(1),
    b"\x81\xee": skip(1),
    b"\x01\x75": battery,
    b"\x02\x75": _other_battery,
    b"\x03\x67": _temperature,
    b"\x03\xf4": _fault,
    b"\x04\xcc": _TOTALS,
    b"\x05\xcc": _PERIOD,
    b"\x0a\xef": clock,
    b"\x83\x67": _temperature_alarm,
    b"\x84\xcc": passages(0, "entered", "exited", more=1),
    b"\x85\xcc": passages(0, more=1),
    **history({0: _PERIOD, 1: _period_and_totals}),
}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    return Counts(uplink, data).read(_ENTRIES)


DECODER = Decoder(
    name="milesight_vs350",
    version=1,
    vendor="Milesight",
    model="VS350 / VS351 / VS360",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="VS350, VS351, VS360 user guides; Milesight-IoT/SensorDecoders vs-series/vs350, vs351, vs360",
    profiles=(
        "Milesight VS350",
        "VS350",
        "Milesight VS351",
        "VS351",
        "Milesight VS360",
        "VS360",
        "milesight-iot/vs350",
        "milesight-iot/vs351",
        "milesight-iot/vs360",
    ),
)
