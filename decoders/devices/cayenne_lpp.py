"""Cayenne LPP, whoever made the device: the fallback for payloads that name their values themselves.

Layout, any port, items one after another until the end:

    0     channel, chosen by who built the device
    1     type: what is measured, in which unit, how many bytes
    2-    value, big-endian; see `decoders/lpp.py` for all types

The payload says that something is 21.5 Cel, but not whether it is soil, air or a boiler. So only what has one meaning
whatever the device is becomes a reading: the only voltage (type 116) in a payload is the battery's, the only percentage
(type 120) its level. Everything else is a warning that names channel and type: a table of the city's configuration
(`format: cayenne_lpp`) says what they are, and stored payloads are decoded again with it.

No fault codes are defined. An unknown type ends decoding, since it hides where the next item begins.

Source: myDevices' Cayenne LPP description (types 0 to 136), Electronic Cats CayenneLPP 1.1 (further types).
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.lpp import Item, read_items
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, Reading
from decoders.uplink import Uplink

_HEALTH = {"voltage": "battery_voltage", "percentage": "battery_level"}


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    items = read_items(data)
    names = [item.type.name for item in items]
    measured: dict[str, object] = {}
    for item in items:
        if item.type.name in _HEALTH and names.count(item.type.name) == 1:
            measured[_HEALTH[item.type.name]] = item.raw / item.type.divide
        else:
            _warn(data, item)
    return [DeviceHealth.of(uplink, measured)] if measured else []


def _warn(data: ByteReader, item: Item) -> None:
    data.warn(f"{item} has no meaning without a table in the configuration")


DECODER = Decoder(
    name="cayenne_lpp",
    version=1,
    vendor="myDevices",
    model="Cayenne LPP",
    function=decode,
    kinds=(DeviceHealth,),
    source="myDevices' Cayenne LPP description; Electronic Cats CayenneLPP 1.1",
    profiles=("Cayenne LPP", "CayenneLPP"),
)
