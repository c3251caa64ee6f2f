"""`VendorCodec`: a vendor's JavaScript codec as the function of a decoder.

It runs where it is asked to: here and now (`decode`, for commands and tests), or in the pipeline's pool (`call` says
what to run, `understand` makes readings of the answer). Errors are reasons; of a household's uplink they hold no text
of the codec's, because vendors like to print what they cannot read.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from decoders.errors import DecodeError, RejectReason
from decoders.javascript import Codec, CodecCall, CodecFailure, CodecResult, CodecSource, SandboxError
from decoders.reader import ByteReader
from decoders.readings import Reading
from decoders.uplink import Privacy, Uplink

MAX_WARNINGS: Final = 10
LONGEST_TEXT: Final = 160

_REASONS: Final = {
    CodecFailure.NOT_LOADED: RejectReason.CODEC_NOT_LOADED,
    CodecFailure.THREW: RejectReason.CODEC_ERROR,
    CodecFailure.OVERRUN: RejectReason.CODEC_OVERRUN,
    CodecFailure.KILLED: RejectReason.CODEC_KILLED,
    CodecFailure.MEMORY: RejectReason.CODEC_MEMORY,
    CodecFailure.OVERSIZED: RejectReason.CODEC_OVERSIZED,
    CodecFailure.QUARANTINED: RejectReason.CODEC_QUARANTINED,
    CodecFailure.UNAVAILABLE: RejectReason.CODEC_UNAVAILABLE,
}
_OURS: Final = (CodecFailure.QUARANTINED, CodecFailure.UNAVAILABLE)
"""The texts of these are not the codec's."""
_DIGITS: Final = re.compile(r"\b(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}\b|(?:\b[0-9a-fA-F]{1,2}[\s,:;-]+){3,}[0-9a-fA-F]{1,2}\b")
"""What may be a payload, a serial number or a key."""


class ResultMap(Protocol):
    """Makes readings of what a codec returned."""

    kinds: tuple[type[Reading], ...]

    def __call__(self, uplink: Uplink, result: object, notes: ByteReader) -> list[Reading]:
        """The readings in `result`."""
        ...


class VendorCodec:
    """One codec with its map.

    Args:
        source: the file, unchanged.
        readings: from results to readings.
        variables: what the codec finds in `input.variables`.
        normalised: the map is the normalised vocabulary: a result without any of it is a rejection, so that somebody
            sees that a map is missing.
    """

    def __init__(
        self, source: CodecSource, readings: ResultMap, *, variables: Mapping[str, str], normalised: bool = False
    ) -> None:
        self.source = source
        self.kinds = readings.kinds
        self._readings = readings
        self._variables = variables or None
        self._normalised = normalised
        self._codec = Codec(source.source, name=source.name)
        self._private = any(kind.privacy is Privacy.HOUSEHOLD for kind in self.kinds)

    def call(self, uplink: Uplink) -> CodecCall:
        """What a pool has to run for `uplink`; the codec's clock shows the network server's time."""
        return CodecCall(self.source, uplink.payload, uplink.f_port, uplink.ns_time, self._variables)

    def decode(self, uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
        """Run the codec now.

        Raises:
            DecodeError: see `understand`.
        """
        try:
            result = self._codec.decode(uplink.payload, uplink.f_port, uplink.ns_time, self._variables)
        except (SandboxError, OSError) as error:
            result = unavailable(str(error))
        return self.understand(result, uplink, data)

    def understand(self, result: CodecResult, uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
        """The readings in the codec's answer.

        Raises:
            DecodeError: the codec reports errors, gave no answer, or gave nothing that is known.
        """
        data.rest()  # which bytes a codec looks at is its own affair
        if result.failure is not None or result.errors:
            raise self._refusal(result)
        for warning in result.warnings[:MAX_WARNINGS]:
            data.warn(plain(warning))
        readings = self._readings(uplink, self._said(result), data)
        if not readings:
            self._nothing(data)
        return readings

    def _said(self, result: CodecResult) -> object:
        """What the map looks at: normalised measurements, where the map is of them and the codec gives any."""
        return result.normalized if self._normalised and result.normalized else result.data

    def _nothing(self, data: ByteReader) -> None:
        if self._normalised:
            name = self.source.name
            missing = f"{name}: no field of the normalised vocabulary; codecs.{name}.readings may map what there is"
            raise DecodeError(RejectReason.UNMAPPED, missing)
        data.warn("nothing in the result is mapped")

    def _refusal(self, result: CodecResult) -> DecodeError:
        reason = RejectReason.CODEC_ERROR if result.failure is None else _REASONS[result.failure]
        if result.failure in _OURS or not result.errors:
            text = "; ".join(result.errors) or "no answer"
        elif self._private:
            text = f"{len(result.errors)} error(s), their text is not kept"
        else:
            text = plain("; ".join(result.errors[:3]))
        return DecodeError(reason, f"{self.source.name}: {text}")


def unavailable(why: str) -> CodecResult:
    """The answer in place of a sandbox that cannot give one."""
    return CodecResult(errors=(why,), failure=CodecFailure.UNAVAILABLE)


def plain(text: str) -> str:
    """Bounded, printable, and without long runs of digits."""
    bounded = text[: 2 * LONGEST_TEXT]
    hidden = _DIGITS.sub("…", "".join(char if char.isprintable() else " " for char in bounded))
    return hidden if len(hidden) <= LONGEST_TEXT else f"{hidden[: LONGEST_TEXT - 1]}…"
