"""Decentlab DL-TRS11: soil moisture and temperature by a Meter Teros 11 probe.

Layout: the Decentlab frame (see `decoders/decentlab.py`) with one block of two words before the battery:

    x0   raw counts * 10
    x1   soil temperature, (x1 - 32768) / 10 Cel

Moisture and permittivity are those of the DL-TRS12, which measures conductivity besides. There are no fault codes.

Source: Decentlab DL-TRS11 data sheet and decentlab/decentlab-decoders.
"""

from collections.abc import Sequence

from decoders.decentlab import blocks, health
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.soil import teros_moisture, teros_permittivity
from decoders.uplink import Uplink


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    probe, battery = blocks(data, 2, 1)
    return [*_soil(uplink, probe), *health(uplink, battery)]


def _soil(uplink: Uplink, probe: Sequence[int]) -> list[Reading]:
    if not probe:
        return []
    counts, temperature = probe
    reading = TreeMoisture.of(
        uplink,
        soil_moisture=teros_moisture(counts),
        soil_temperature=(temperature - 32_768) / 10,
        permittivity=teros_permittivity(counts),
    )
    return [reading]


DECODER = Decoder(
    name="decentlab_dl_trs11",
    version=1,
    vendor="Decentlab",
    model="DL-TRS11",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="Decentlab DL-TRS11 data sheet; decentlab/decentlab-decoders",
    profiles=("Decentlab DL-TRS11", "DL-TRS11", "decentlab/dl-trs11"),
)
