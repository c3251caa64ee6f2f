"""Dragino SE02-LB (and SE02-LS): two soil probes for moisture, temperature and conductivity, with a datalog.

Layout by port, big-endian (words and units: `decoders/dragino.py`):

    2   0-1 battery, 2-3 external thermometer, 4-9 probe 1, 10-15 probe 2,
        16 flags: bit 7 MOD, bit 4 probes detected, bits 0-3 interrupt
    3   datalog, entries of 17 bytes: probe 1, probe 2, flags, unix time
    5   device status, 7 bytes, model F1

Probe 1 is channel 0, with the external thermometer.

Source: SE02-LB user manual and dragino/dragino-end-node-decoder SE02-LB (V1.0).
"""

from collections.abc import Sequence

from decoders import dragino
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.uplink import Uplink

_MODEL = 0xF1


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port == 3:
        return dragino.datalog(uplink, data, probes=2)
    if uplink.f_port == 5:
        return dragino.status(uplink, data, model=_MODEL)
    flags_byte = data.peek(16)
    raw, detected = bool(flags_byte & 0x80), bool(flags_byte & 0x10)
    battery, thermometer = dragino.head(data)
    first, flags = dragino.probe(data, raw=raw, detected=detected)
    second, second_flags = dragino.probe(data, raw=raw, detected=detected)
    data.take(1)
    return (
        TreeMoisture.of(uplink, first, air_temperature=thermometer, flags=flags),
        TreeMoisture.of(uplink, second, flags=second_flags, channel=1),
        DeviceHealth.of(uplink, battery_voltage=battery),
    )


DECODER = Decoder(
    name="dragino_se02_lb",
    version=1,
    vendor="Dragino",
    model="SE02-LB / SE02-LS",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="SE02-LB user manual; dragino/dragino-end-node-decoder SE02-LB",
    profiles=("Dragino SE02-LB", "SE02-LB", "Dragino SE02-LS", "SE02-LS", "dragino/se02-lb"),
    f_ports=(2, 3, 5),
)
