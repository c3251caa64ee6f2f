"""Dragino LSE01: soil moisture, temperature and conductivity, with an optional external thermometer.

Layout, port 2, 11 bytes, big-endian (words and units: `decoders/dragino.py`):

    0-1   battery
    2-3   external thermometer
    4-9   probe, by MOD
    10    bit 7 MOD, bit 4 soil sensor detected, bits 0-3 interrupt

Without a soil sensor the probe's words are zeros: no value and NO_SENSOR, not 0 %.

Firmware up to 1.1.3 has other flags in byte 10 and knows no MOD. Two things tell its frames apart: words that are not
zero without a detected sensor, and a dielectric constant beyond 100 (water has 80) in MOD 1.

Source: LSE01 user manual and dragino/dragino-end-node-decoder (LSE01, V1.1.4 and V1.2.1).
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.dragino import head, probe
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.uplink import Uplink

_LARGEST_DIELECTRIC_CONSTANT = 1000
"""In tenths, as sent."""


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    status = data.peek(10)
    dielectric_constant = int.from_bytes(data.payload[4:6], "big")
    battery, thermometer = head(data)
    raw = bool(status & 0x80) and dielectric_constant <= _LARGEST_DIELECTRIC_CONSTANT
    measured, flags = probe(data, raw=raw, detected=bool(status & 0x10))
    data.take(1)
    return (
        TreeMoisture.of(uplink, measured, air_temperature=thermometer, flags=flags),
        DeviceHealth.of(uplink, battery_voltage=battery),
    )


DECODER = Decoder(
    name="dragino_lse01",
    version=1,
    vendor="Dragino",
    model="LSE01",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="LSE01 user manual; dragino/dragino-end-node-decoder LSE01",
    profiles=("Dragino LSE01", "LSE01", "dragino/lse01"),
    f_ports=(2,),
)
