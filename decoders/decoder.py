"""`Decoder`: the contract of one device family, and what decoding an uplink gives.

A device file defines `DECODER` (or `DECODERS`) with a pure function `decode(uplink, data)`; the registry
finds it by walking `decoders/devices/`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from decoders.errors import DecodeError, Rejected, RejectReason
from decoders.reader import ByteReader
from decoders.readings import Reading
from decoders.uplink import Uplink

MAX_READINGS = 64
"""Readings of one uplink: a defect must not flood the database."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a payload that needs earlier or later uplinks; the pipeline assembles it from stored uplinks."""

    key: str
    index: int
    total: int


DecodeFunction = Callable[[Uplink, ByteReader], "Sequence[Reading] | Fragment"]


class Decoded(NamedTuple):
    """What one uplink gave. A tuple, because there is one per uplink on the hot path.

    Attributes:
        warnings: what the decoder found odd but could live with.
        unread: bytes after the last one that the decoder read.
    """

    readings: tuple[Reading, ...]
    warnings: tuple[str, ...] = ()
    unread: int = 0
    fragment: Fragment | None = None


@dataclass(frozen=True, slots=True)
class Decoder:
    """One device family.

    Attributes:
        name: unique key, `<vendor>_<model>`, used in mappings, tables and metrics.
        version: integer, raised with every change of results; stored with each reading.
        function: pure; raises nothing but `DecodeError`.
        kinds: the reading kinds it can return.
        profiles: device profile names (case-insensitive) that select it without configuration.
        f_ports: ports it understands; empty = any (the function decides).
        source: data sheet or codec the layout was taken from.
    """

    name: str
    version: int
    vendor: str
    model: str
    function: DecodeFunction
    kinds: tuple[type[Reading], ...]
    source: str
    profiles: tuple[str, ...] = ()
    f_ports: tuple[int, ...] = ()

    def decode(self, uplink: Uplink) -> Decoded:
        """Readings of `uplink`.

        Raises:
            DecodeError: the payload is not one of this device, with its reason.
        """
        if self.f_ports and uplink.f_port not in self.f_ports:
            raise DecodeError(RejectReason.UNKNOWN_PORT, f"{self.name} knows no port {uplink.f_port}")
        data = ByteReader(uplink.payload)
        try:
            result = self.function(uplink, data)
            if isinstance(result, Fragment):
                return Decoded((), tuple(data.warnings), data.remaining, result)
            if len(result) <= MAX_READINGS:
                return Decoded(tuple(result), tuple(data.warnings), data.remaining)
        except Rejected:
            raise
        except Exception as defect:  # a decoder's defect must cost nothing but its own uplink (promise 2)
            raise DecodeError(RejectReason.DECODER_ERROR, f"{self.name}: {type(defect).__name__}") from defect
        raise DecodeError(RejectReason.DECODER_ERROR, f"{self.name}: more than {MAX_READINGS} readings of one uplink")
