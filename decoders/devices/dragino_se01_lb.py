"""Dragino SE01-LB (and SE01-LS): soil moisture, temperature and conductivity, with a datalog.

Layout by port, big-endian (words and units: `decoders/dragino.py`):

    2   0-1 battery, 2-3 external thermometer, 4-9 probe, 10 flags: bit 7 MOD, bit 4 probe detected, bits 0-3 interrupt;
        in counting mode four more bytes, the count of interrupts (no reading)
    3   datalog, entries of 11 bytes: probe, flags, unix time
    5   device status, 7 bytes, model 26

The words of a datalog entry are those of the live frame. The vendor's SE01 codec divides the conductivity by ten and
keeps 12 bits of it, as another sensor's humidity: 0-20000 uS/cm would not fit. The codec of the SE02-LB, which logs in
the same form, takes it as it is.

Source: SE01-LB user manual and dragino/dragino-end-node-decoder SE01-LB, SE02-LB.
"""

from collections.abc import Sequence

from decoders import dragino
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.uplink import Uplink

_MODEL = 0x26
_COUNT = 4


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port == 3:
        return dragino.datalog(uplink, data, probes=1)
    if uplink.f_port == 5:
        return dragino.status(uplink, data, model=_MODEL)
    flags_byte = data.peek(10)
    battery, thermometer = dragino.head(data)
    measured, flags = dragino.probe(data, raw=bool(flags_byte & 0x80), detected=bool(flags_byte & 0x10))
    data.take(1)
    if data.remaining == _COUNT:
        data.take(_COUNT)
    return (
        TreeMoisture.of(uplink, measured, air_temperature=thermometer, flags=flags),
        DeviceHealth.of(uplink, battery_voltage=battery),
    )


DECODER = Decoder(
    name="dragino_se01_lb",
    version=1,
    vendor="Dragino",
    model="SE01-LB / SE01-LS",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="SE01-LB user manual; dragino/dragino-end-node-decoder SE01-LB",
    profiles=("Dragino SE01-LB", "SE01-LB", "Dragino SE01-LS", "SE01-LS", "dragino/se01-lb"),
    f_ports=(2, 3, 5),
)
