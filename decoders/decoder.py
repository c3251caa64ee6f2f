"""`Decoder`: the contract of one device family, and what decoding an uplink gives.

A device file defines `DECODER` (or `DECODERS`) with a pure function `decode(uplink, data)`; the registry
finds it by walking `decoders/devices/`.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from decoders.errors import DecodeError, Rejected, RejectReason
from decoders.javascript import CodecResult
from decoders.keys import KeyRing
from decoders.reader import ByteReader
from decoders.readings import Reading
from decoders.uplink import EARLIEST, LATEST, Uplink
from decoders.vendor_codec import VendorCodec

_log = logging.getLogger(__name__)

MAX_READINGS = 64
"""Readings of one uplink: a defect must not flood the database."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a payload that needs earlier or later uplinks; the pipeline assembles it from stored uplinks.

    Attributes:
        key: the same for all parts of one whole, as far as one part alone can tell.
        index: place of the part, from 0; what a part alone cannot tell is 0.
        total: number of parts; 0 when only the others can tell.
    """

    key: str
    index: int
    total: int


class Joined(NamedTuple):
    """Several uplinks as one, which the decoder decodes like any other.

    Attributes:
        uplink: the last part's (in order of frame counters) with the whole payload; its key is the readings' key.
        parts: the fragments that it stands for, in order of their frame counters.
    """

    uplink: Uplink
    parts: tuple[Uplink, ...]


@dataclass(frozen=True, slots=True)
class Assembly:
    """How the fragments of a decoder become whole.

    Attributes:
        join: pure; finds every complete set among uplinks of one device, which come in order of their times and may
            hold others than fragments. Whatever the order of arrival, the same uplinks give the same sets.
        window: longest time between the first and the last part.
        context_ports: ports whose latest uplink before a fragment is given to `join`, too, however old it is.
    """

    join: Callable[[Sequence[Uplink]], Iterable[Joined]]
    window: timedelta
    context_ports: tuple[int, ...] = ()


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


class Assembled(NamedTuple):
    """A complete set of fragments and what it gave: readings or a refusal."""

    joined: Joined
    decoded: Decoded | None
    error: DecodeError | None


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
        bind: makes the function that knows the installation's keys; None for payloads that are never encrypted.
        assembly: how fragments become whole; None when every uplink stands for itself.
        codec: the vendor's codec that `function` runs; the pipeline runs it in batches. None for native decoders.
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
    bind: Callable[[KeyRing], DecodeFunction] | None = None
    assembly: Assembly | None = None
    codec: VendorCodec | None = None

    def bound(self, keys: KeyRing) -> "Decoder":
        """The same decoder with the keys of an installation; one that cannot take them refuses every payload."""
        return self if self.bind is None else replace(self, function=_bound(self.name, self.bind, keys))

    def assemble(self, uplinks: Sequence[Uplink]) -> list[Assembled]:
        """Every whole that the fragments among `uplinks` (of one device, in any order) make, decoded.

        Fragments whose set is not complete are left out.
        """
        if self.assembly is None:
            return []
        ordered = sorted(uplinks, key=lambda uplink: (uplink.ns_time, uplink.f_cnt))
        try:
            found = [self._assembled(joined) for joined in _joined(self.assembly, ordered)]
        except DecodeError as defect:
            _log.error("fragments_not_joined decoder=%s error=%s", self.name, defect.detail)
            return []
        return [one for one in found if one.decoded is None or one.decoded.fragment is None]

    def _assembled(self, joined: Joined) -> Assembled:
        try:
            return Assembled(joined, self.decode(joined.uplink), None)
        except DecodeError as refusal:
            return Assembled(joined, None, refusal)

    def decode(self, uplink: Uplink) -> Decoded:
        """Readings of `uplink`.

        Raises:
            DecodeError: the payload is not one of this device, with its reason.
        """
        return self._decoded_by(self.function, uplink)

    def takes(self, f_port: int) -> bool:
        """Whether uplinks of this port can be decoded at all."""
        return not self.f_ports or f_port in self.f_ports

    def understand(self, result: CodecResult, uplink: Uplink) -> Decoded:
        """Readings of `uplink`, whose codec was run elsewhere and answered `result`; else the same as `decode`."""
        assert self.codec is not None
        return self._decoded_by(partial(self.codec.understand, result), uplink)

    def _decoded_by(self, function: DecodeFunction, uplink: Uplink) -> Decoded:
        if self.f_ports and uplink.f_port not in self.f_ports:
            raise DecodeError(RejectReason.UNKNOWN_PORT, f"{self.name} knows no port {uplink.f_port}")
        data = ByteReader(uplink.payload)
        try:
            result = function(uplink, data)
            if isinstance(result, Fragment):
                return Decoded((), tuple(data.warnings), data.remaining, result)
            return Decoded(self._checked(result), tuple(data.warnings), data.remaining)
        except Rejected:
            raise
        except (Exception, SystemExit) as defect:  # a decoder's defect must cost nothing but its own uplink (promise 2)
            raise DecodeError(RejectReason.DECODER_ERROR, f"{self.name}: {type(defect).__name__}") from defect

    def _checked(self, result: Sequence[Reading]) -> tuple[Reading, ...]:
        """The readings, as far as the tables can take them: an outsider's decoder is not checked by types alone.

        Raises:
            DecodeError: they are too many, or one is none that this decoder can return.
        """
        if len(result) > MAX_READINGS:
            raise DecodeError(
                RejectReason.DECODER_ERROR, f"{self.name}: more than {MAX_READINGS} readings of one uplink"
            )
        for reading in result:
            if type(reading) not in self.kinds:
                raise DecodeError(
                    RejectReason.DECODER_ERROR, f"{self.name}: {type(reading).__name__}, which it does not declare"
                )
            if not EARLIEST <= reading.observed_at < LATEST:
                raise DecodeError(RejectReason.DECODER_ERROR, f"{self.name}: a time before 2015 or after 2099")
        return tuple(result)


def _joined(assembly: Assembly, uplinks: Sequence[Uplink]) -> list[Joined]:
    try:
        return list(assembly.join(uplinks))
    except Exception as defect:  # as in `decode`: the fragments stay what they are
        raise DecodeError(RejectReason.DECODER_ERROR, type(defect).__name__) from defect


def _bound(name: str, bind: Callable[[KeyRing], DecodeFunction], keys: KeyRing) -> DecodeFunction:
    try:
        return _checked_bind(name, bind, keys)
    except DecodeError as defect:
        detail = defect.detail

    def refuse(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:  # noqa: ARG001  (signature of decoders)
        raise DecodeError(RejectReason.DECODER_ERROR, detail)

    return refuse


def _checked_bind(name: str, bind: Callable[[KeyRing], DecodeFunction], keys: KeyRing) -> DecodeFunction:
    try:
        return bind(keys)
    except Exception as defect:  # an outsider's file must not take the others down
        raise DecodeError(RejectReason.DECODER_ERROR, f"{name} cannot take keys: {type(defect).__name__}") from defect
