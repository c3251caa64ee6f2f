"""Decentlab DL-TRS21: soil water potential and temperature by a Meter Teros 21 probe.

Layout: the Decentlab frame (see `decoders/decentlab.py`) with one block of two words before the battery:

    x0   water potential, -x0 / 10 kPa
    x1   soil temperature, (x1 - 32768) / 10 Cel

The tension is the potential without its sign: positive, larger is drier. There are no fault codes.

Source: Decentlab DL-TRS21 data sheet and decentlab/decentlab-decoders.
"""

from collections.abc import Sequence

from decoders.decentlab import blocks, health
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.uplink import Uplink


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    probe, battery = blocks(data, 2, 1)
    return [*_soil(uplink, probe), *health(uplink, battery)]


def _soil(uplink: Uplink, probe: Sequence[int]) -> list[Reading]:
    if not probe:
        return []
    potential, temperature = probe
    return [TreeMoisture.of(uplink, soil_tension=potential / 10, soil_temperature=(temperature - 32_768) / 10)]


DECODER = Decoder(
    name="decentlab_dl_trs21",
    version=1,
    vendor="Decentlab",
    model="DL-TRS21",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="Decentlab DL-TRS21 data sheet; decentlab/decentlab-decoders",
    profiles=("Decentlab DL-TRS21", "DL-TRS21", "decentlab/dl-trs21"),
)
