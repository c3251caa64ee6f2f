"""The frame that all Decentlab devices share: blocks of 16-bit words that a bit each says to follow.

    0     protocol version, 2
    1-2   device id
    3-4   flags: bit 0 = the first block follows, bit 1 = the second, ...
    then  the blocks; the last one is the battery, mV

Big-endian, any port (1 by default). There are no times and no fault codes. A frame with the battery alone is normal.
"""

from collections.abc import Sequence

from decoders.errors import DecodeError, RejectReason
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth
from decoders.uplink import Uplink

_PROTOCOL = 2


def blocks(data: ByteReader, *sizes: int) -> list[Sequence[int]]:
    """The words of every block of a frame; none of a block that the frame is without.

    Args:
        sizes: words of each block that the device has, in order.

    Raises:
        DecodeError: another version of the protocol, or fewer bytes than the flags announce.
    """
    version = data.u8()
    if version != _PROTOCOL:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"protocol version {version}, expected {_PROTOCOL}")
    data.take(2)
    flags = data.u16()
    if flags >> len(sizes):
        data.warn(f"blocks of another Decentlab device: flags {flags:04x}")
    return [[data.u16() for _ in range(size)] if flags >> position & 1 else () for position, size in enumerate(sizes)]


def health(uplink: Uplink, battery: Sequence[int]) -> list[DeviceHealth]:
    """The battery's block as a reading; none without the block."""
    return [DeviceHealth.of(uplink, battery_voltage=millivolts / 1000) for millivolts in battery]
