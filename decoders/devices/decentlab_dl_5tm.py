"""Decentlab DL-5TM: soil permittivity and temperature by a Decagon 5TM probe.

Layout: the Decentlab frame (see `decoders/decentlab.py`) with one block of two words before the battery:

    x0   relative permittivity * 50
    x1   soil temperature, (x1 - 400) / 10 Cel

Moisture follows from the permittivity by Topp's equation and is slightly negative in air. There are no fault codes.

Source: Decentlab DL-5TM data sheet and decentlab/decentlab-decoders.
"""

from collections.abc import Sequence

from decoders.decentlab import blocks, health
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.soil import topp
from decoders.uplink import Uplink


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    probe, battery = blocks(data, 2, 1)
    return [*_soil(uplink, probe), *health(uplink, battery)]


def _soil(uplink: Uplink, probe: Sequence[int]) -> list[Reading]:
    if not probe:
        return []
    permittivity, temperature = probe[0] / 50, (probe[1] - 400) / 10
    moisture = topp(permittivity)
    return [TreeMoisture.of(uplink, soil_moisture=moisture, soil_temperature=temperature, permittivity=permittivity)]


DECODER = Decoder(
    name="decentlab_dl_5tm",
    version=1,
    vendor="Decentlab",
    model="DL-5TM",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="Decentlab DL-5TM data sheet; decentlab/decentlab-decoders",
    profiles=("Decentlab DL-5TM", "DL-5TM", "decentlab/dl-5tm"),
)
