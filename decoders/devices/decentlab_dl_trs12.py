"""Decentlab DL-TRS12: soil moisture, temperature and conductivity by a Meter Teros 12 probe.

Layout: the Decentlab frame (see `decoders/decentlab.py`) with one block of three words before the battery:

    x0   raw counts * 10
    x1   soil temperature, (x1 - 32768) / 10 Cel
    x2   conductivity, uS/cm

    moisture     = x0 / 10 * 0.0003879 - 0.6956 m3/m3, for mineral soil; slightly negative in air
    permittivity = (2.887e-9 r^3 - 2.08e-5 r^2 + 5.276e-2 r - 43.39)^2 with r = x0 / 10

There are no fault codes; flags 0002 alone is a battery-only uplink.

Source: Decentlab DL-TRS12 data sheet and decentlab/decentlab-decoders.
"""

from collections.abc import Sequence

from decoders.decentlab import blocks, health
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from decoders.soil import teros_moisture, teros_permittivity
from decoders.uplink import Uplink


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    probe, battery = blocks(data, 3, 1)
    return [*_soil(uplink, probe), *health(uplink, battery)]


def _soil(uplink: Uplink, probe: Sequence[int]) -> list[Reading]:
    if not probe:
        return []
    counts, temperature, conductivity = probe
    reading = TreeMoisture.of(
        uplink,
        soil_moisture=teros_moisture(counts),
        soil_temperature=(temperature - 32_768) / 10,
        conductivity=float(conductivity),
        permittivity=teros_permittivity(counts),
    )
    return [reading]


DECODER = Decoder(
    name="decentlab_dl_trs12",
    version=1,
    vendor="Decentlab",
    model="DL-TRS12",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="Decentlab DL-TRS12 data sheet; decentlab/decentlab-decoders",
    profiles=("Decentlab DL-TRS12", "DL-TRS12", "decentlab/dl-trs12"),
)
