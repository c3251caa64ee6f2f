"""Decentlab DL-SMTP: moisture and temperature in eight depths by one long probe; channel 0 is the uppermost depth.

Layout: the Decentlab frame (see `decoders/decentlab.py`) with one block of 16 words, two for every depth, before the
battery:

    x0   moisture on the probe's own scale, (x0 - 2500) / 500, dimensionless
    x1   soil temperature, (x1 - 32768) / 100 Cel

The moisture is no volumetric water content: that takes a calibration to the soil, so it is a `moisture_index`. Shorter
probes have fewer depths and send two zeros for those that they have not: NO_SENSOR.

Source: Decentlab DL-SMTP data sheet and decentlab/decentlab-decoders.
"""

from collections.abc import Sequence

from decoders.decentlab import blocks, health
from decoders.decoder import Decoder
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, QualityFlag, Reading, TreeMoisture
from decoders.uplink import Uplink

_DEPTHS = 8


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    probe, battery = blocks(data, 2 * _DEPTHS, 1)
    depths = zip(probe[::2], probe[1::2], strict=True)
    soil = [_depth(uplink, channel, *words) for channel, words in enumerate(depths)]
    return [*soil, *health(uplink, battery)]


def _depth(uplink: Uplink, channel: int, moisture: int, temperature: int) -> Reading:
    if not moisture and not temperature:
        return TreeMoisture.of(uplink, channel=channel, flags=QualityFlag.NO_SENSOR)
    return TreeMoisture.of(
        uplink,
        channel=channel,
        moisture_index=(moisture - 2500) / 500,
        soil_temperature=(temperature - 32_768) / 100,
    )


DECODER = Decoder(
    name="decentlab_dl_smtp",
    version=1,
    vendor="Decentlab",
    model="DL-SMTP",
    function=decode,
    kinds=(TreeMoisture, DeviceHealth),
    source="Decentlab DL-SMTP data sheet; decentlab/decentlab-decoders",
    profiles=("Decentlab DL-SMTP", "DL-SMTP", "decentlab/dl-smtp"),
)
