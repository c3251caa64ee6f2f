"""Xter Connect: counts people at up to four inputs.

Layout, any port, big-endian:

    0   kind: 00 reset, 10 keep-alive, 20 event, 30 event that waited for the guard time
    00  20 bytes or more of settings (no reading)
    else: 1 hour, 2 minute of the device's clock (no date: not used), 3 what follows, from the highest bit:
        inputs 0 and 1 u8, inputs 2 and 3 u12, inner and outer temperature i12 / 10 Cel, battery and external supply
        u12 / 100 V, packed without gaps

Channels of the readings: 0 to 3, the inputs. A count is since the last report, which clears it. The outer temperature
and the external supply are no reading. There are no fault codes.

Source: Xter "Payload spec command V203", as in ZennerIoT/element-parsers lib/xter_connect.ex.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, PeopleCount, Reading
from decoders.uplink import Uplink

_RESET, _REPORTS = 0x00, (0x10, 0x20, 0x30)
_SETTINGS = 19
_INPUTS = 4
_BITS = (8, 8, 12, 12, 12, 12, 12, 12)
_INNER_TEMPERATURE, _BATTERY = 4, 6


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    kind = data.u8()
    if kind == _RESET:
        data.take(_SETTINGS)
        data.rest()
        return [DeviceHealth.of(uplink, reset_cause="restart")]
    if kind not in _REPORTS:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no message of kind {kind:02x}")
    data.take(2)
    values = _packed(data.u8(), data.rest())
    readings: list[Reading] = [
        PeopleCount.of(uplink, channel=number, entered_period=values[number])
        for number in range(_INPUTS)
        if number in values
    ]
    health: dict[str, object] = {}
    if _INNER_TEMPERATURE in values:
        health["device_temperature"] = _signed(values[_INNER_TEMPERATURE]) / 10
    if _BATTERY in values:
        health["battery_voltage"] = values[_BATTERY] / 100
    return [*readings, DeviceHealth.of(uplink, health)] if health else readings


def _packed(follows: int, block: bytes) -> dict[int, int]:
    """Values by their place in the list; `follows` has a bit for each, the highest first."""
    unread = 8 * len(block)
    bits = int.from_bytes(block, "big")
    values: dict[int, int] = {}
    for place, size in enumerate(_BITS):
        if follows & 0x80 >> place:
            unread -= size
            if unread < 0:
                raise DecodeError(RejectReason.TRUNCATED, f"value {place} is announced and missing")
            values[place] = bits >> unread & (1 << size) - 1
    return values


def _signed(value: int) -> int:
    return value - 0x1000 if value & 0x800 else value


DECODER = Decoder(
    name="xter_connect",
    version=1,
    vendor="Xter",
    model="Connect",
    function=decode,
    kinds=(PeopleCount, DeviceHealth),
    source="Xter Payload spec command V203 (ZennerIoT/element-parsers lib/xter_connect.ex)",
    profiles=("Xter Connect",),
)
