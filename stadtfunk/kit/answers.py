"""What a decoder answers to uplinks, as data: readings or a refusal each, parts of one message put together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from decoders.decoder import Decoded, Decoder
from decoders.errors import DecodeError
from decoders.readings import Reading, quantities
from decoders.uplink import Uplink
from stadtfunk.kit.bytemap import MappedByte, map_bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one uplink: exactly one of `decoded` and `error` is there.

    Attributes:
        uplink: what was decoded; of several parts the whole.
        parts: the number of uplinks that were put together.
    """

    uplink: Uplink
    decoded: Decoded | None
    error: DecodeError | None
    parts: int = 1

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The readings; none of a refused payload."""
        return () if self.decoded is None else self.decoded.readings

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd but no reason to refuse: the decoder's words, unread bytes, a part without the rest."""
        return () if self.decoded is None else tuple(_warnings(self.decoded))

    def as_object(self) -> dict[str, object]:
        """Plain JSON values: readings, warnings and the error, each always there."""
        error = self.error
        return {
            "readings": [reading_object(reading) for reading in self.readings],
            "warnings": list(self.warnings),
            "error": None if error is None else {"reason": error.reason.value, "detail": error.detail},
        }


def answers(decoder: Decoder, uplinks: Sequence[Uplink]) -> list[Answer]:
    """One answer to each uplink of one device; the last part of a complete message has the answer to the whole."""
    found = {(uplink.ns_time, uplink.f_cnt): _answer(decoder, uplink) for uplink in uplinks}
    for whole in decoder.assemble(uplinks):
        joined = whole.joined.uplink
        found[joined.ns_time, joined.f_cnt] = Answer(joined, whole.decoded, whole.error, len(whole.joined.parts))
    return [found[uplink.ns_time, uplink.f_cnt] for uplink in uplinks]


def mapped(decoder: Decoder, answer: Answer) -> tuple[MappedByte, ...]:
    """The byte map of an answer; of a refused payload the bytes alone."""
    if answer.error is not None:
        return tuple(MappedByte(offset, value) for offset, value in enumerate(answer.uplink.payload))
    return map_bytes(decoder, answer.uplink)


def reading_object(reading: Reading) -> dict[str, object]:
    """A reading as plain JSON values."""
    subject = {"subject": reading.subject} if reading.subject else {}
    return {
        "kind": reading.kind,
        **subject,
        "channel": reading.channel,
        "observed_at": reading.observed_at.isoformat(),
        "values": values(reading),
        "flags": [flag.name for flag in reading.flags],
    }


def byte_object(byte: MappedByte) -> dict[str, object]:
    """A byte of a map as plain JSON values."""
    return {
        "offset": byte.offset,
        "hex": f"{byte.value:02x}",
        "gives": list(byte.gives),
        "steers": byte.steers,
        "unread": byte.unread,
    }


def values(reading: Reading) -> dict[str, object]:
    """What the decoder said about the quantities; one that it could not measure is None."""
    said = reading.model_fields_set & quantities(type(reading)).keys()
    return reading.model_dump(mode="json", include=said)


def _answer(decoder: Decoder, uplink: Uplink) -> Answer:
    try:
        return Answer(uplink, decoder.decode(uplink), None)
    except DecodeError as error:
        return Answer(uplink, None, error)


def _warnings(decoded: Decoded) -> Iterator[str]:
    yield from decoded.warnings
    if decoded.unread:
        yield f"{decoded.unread} byte(s) at the end were not read"
    part = decoded.fragment
    if part is not None:
        which = f"part {part.index + 1} of {part.total}" if part.total else "a part of a longer message"
        yield f"{which}: the rest comes in other uplinks"
