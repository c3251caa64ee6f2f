"""Dragino SE0X-LB (and SE0X-LS): up to four soil probes for moisture, temperature and conductivity.

Layout by port, big-endian (words and units: `decoders/dragino.py`):

    2   0-1 battery, 2-3 external thermometer,
        4 flags: bit 7 MOD, bit 6 interrupt, bits 3-0 probes detected (bit 3 = probe 1, bit 0 = probe 4),
        then six bytes for every probe up to the last one detected; an empty place keeps its bytes
    5   device status, 7 bytes, model F9

Probe 1 is channel 0. A probe that was not detected has no reading; none at all is one with NO_SENSOR. The external
thermometer is in the first reading.

Source: SE0X-LB user manual and dragino/dragino-end-node-decoder SE0X-LB.
"""

from collections.abc import Sequence

from decoders import dragino
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_MODEL = 0xF9
_PLACES = 4
_PLACE_SIZE = 6


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    if uplink.f_port == 5:
        return dragino.status(uplink, data, model=_MODEL)
    battery, thermometer = dragino.head(data)
    return [*_soil(uplink, data, thermometer), DeviceHealth.of(uplink, battery_voltage=battery)]


def _soil(uplink: Uplink, data: ByteReader, thermometer: float | None) -> list[Reading]:
    status = data.u8()
    detected = [channel for channel in range(_PLACES) if status & 1 << (_PLACES - 1 - channel)]
    if not detected:
        return [TreeMoisture.of(uplink, air_temperature=thermometer, flags=QualityFlag.NO_SENSOR)]
    readings: list[Reading] = []
    for channel in range(detected[-1] + 1):
        if channel not in detected:
            data.take(_PLACE_SIZE)
            continue
        measured, flags = dragino.probe(data, raw=bool(status & 0x80), detected=True)
        if not readings:
            measured["air_temperature"] = thermometer
        readings.append(TreeMoisture.of(uplink, measured, flags=flags, channel=channel))
    return readings


DECODER = Decoder(
    name="dragino_se0x_lb",
    version=1,
    vendor="Dragino",
    model="SE0X-LB / SE0X-LS",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="SE0X-LB user manual; dragino/dragino-end-node-decoder SE0X-LB",
    profiles=("Dragino SE0X-LB", "SE0X-LB", "Dragino SE0X-LS", "SE0X-LS"),
    f_ports=(2, 5),
)
