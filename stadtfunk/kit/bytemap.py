"""Which byte of a payload gave which value: found by changing every byte and decoding again.

It needs nothing from the decoder but that it is pure, so a Python decoder, a field table and a vendor's JavaScript are
mapped alike. A byte *gives* a value when changing it changes the value and nothing about the form of the answer. It
*steers* when changing it changes which readings or values there are (a type, a length, a status bit), or makes the
decoder refuse the payload. A byte that does neither is silent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

from decoders.decoder import Decoded, Decoder
from decoders.errors import DecodeError
from decoders.readings import Reading, quantities
from decoders.uplink import Uplink

_CHANGES = (*(1 << bit for bit in range(8)), 0xFF)
"""What a byte is combined with by exclusive or: every bit alone, and all of them."""
_ABOUT_THE_READING = ("observed_at", "subject", "channel")


@dataclass(frozen=True, slots=True)
class MappedByte:
    """One byte of a payload.

    Attributes:
        gives: names of the values that it is part of; `name[n]` when several readings have that value, n counting
            the readings from 0. Also `observed_at`, `subject`, `channel` and `flags`.
        steers: changing it changes which values there are, or makes the payload a refused one.
        unread: behind the last byte that the decoder read.
    """

    offset: int
    value: int
    gives: tuple[str, ...] = ()
    steers: bool = False
    unread: bool = False

    @property
    def silent(self) -> bool:
        """It makes no difference to anything."""
        return not self.gives and not self.steers


def map_bytes(decoder: Decoder, uplink: Uplink) -> tuple[MappedByte, ...]:
    """Every byte of a payload that decodes, with what it gives.

    Raises:
        DecodeError: the payload as it is does not decode.
    """
    decoded = decoder.decode(uplink)
    probe = _Probe(decoder, uplink, _Answer(decoded))
    first_unread = len(uplink.payload) - decoded.unread
    return tuple(_mapped(probe, offset, unread=offset >= first_unread) for offset in range(len(uplink.payload)))


def spans(offsets: Sequence[int]) -> str:
    """Ascending offsets as runs: `3-5, 10`."""
    parts = []
    for _, neighbours in groupby(enumerate(offsets), lambda pair: pair[1] - pair[0]):
        run = [offset for _, offset in neighbours]
        parts.append(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}")
    return ", ".join(parts)


class _Answer:
    """An answer of a decoder, taken apart: its form, and its values by name."""

    def __init__(self, decoded: Decoded) -> None:
        readings = decoded.readings
        self.form = (decoded.fragment, *((type(one), one.model_fields_set) for one in readings))
        self.warnings = decoded.warnings
        self.values: dict[str, object] = dict(chain.from_iterable(map(_values, readings, _names(readings))))
        self.flags: dict[str, object] = {f"flags{suffix}": one.flags for one, suffix in _numbered(readings)}

    def changed(self, other: "_Answer") -> set[str]:
        """Names of what differs between two answers of one form; flags count where no value tells the reason."""
        values = {name for name, value in self.values.items() if other.values[name] != value}
        return values or {name for name, value in self.flags.items() if other.flags[name] != value}


class _Probe:
    """Decodes variations of one payload."""

    def __init__(self, decoder: Decoder, uplink: Uplink, answer: _Answer) -> None:
        self._decoder = decoder
        self._uplink = uplink
        self.known = answer

    @property
    def payload(self) -> bytes:
        return self._uplink.payload

    def answer(self, payload: bytes) -> _Answer | None:
        """The answer to another payload in the same uplink; None when it is refused."""
        try:
            return _Answer(self._decoder.decode(_with_payload(self._uplink, payload)))
        except DecodeError:
            return None

    def backgrounds(self, offset: int) -> Iterator[tuple[bytes, _Answer]]:
        """The payload, then with a neighbour of the byte as zero: a byte of a value that is out of its range, or of a
        fault code, shows only there."""
        yield self.payload, self.known
        for neighbour in (offset - 1, offset + 1):
            if 0 <= neighbour < len(self.payload) and self.payload[neighbour]:
                payload = _replaced(self.payload, neighbour, 0)
                answer = self.answer(payload)
                if answer is not None and answer.form == self.known.form:
                    yield payload, answer


def _mapped(probe: _Probe, offset: int, *, unread: bool) -> MappedByte:
    gives: set[str] = set()
    steers = False
    for payload, before in probe.backgrounds(offset):
        more, steers = _influence(probe, payload, before, offset)
        gives |= more
        if steers or any(not name.startswith("flags") for name in gives):
            break
    return MappedByte(offset, probe.payload[offset], _ordered(gives, probe.known), steers, unread)


def _influence(probe: _Probe, payload: bytes, before: _Answer, offset: int) -> tuple[set[str], bool]:
    gives: set[str] = set()
    steers = False
    for change in _CHANGES:
        after = probe.answer(_replaced(payload, offset, payload[offset] ^ change))
        if after is None or after.form != before.form:
            steers = True
        else:
            gives |= before.changed(after)
            steers = steers or after.warnings != before.warnings
    return gives, steers


def _ordered(gives: set[str], answer: _Answer) -> tuple[str, ...]:
    """In the order of the readings and their fields."""
    return tuple(name for name in chain(answer.values, answer.flags) if name in gives)


def _names(readings: Sequence[Reading]) -> Iterator[dict[str, str]]:
    """For every reading: its fields by the names that tell them apart from those of the other readings."""
    fields = [
        [*(name for name in quantities(type(one)) if name in one.model_fields_set), *_ABOUT_THE_READING]
        for one in readings
    ]
    count: dict[str, int] = {}
    for name in chain.from_iterable(fields):
        count[name] = count.get(name, 0) + 1
    for number, names in enumerate(fields):
        yield {name if count[name] == 1 else f"{name}[{number}]": name for name in names}


def _values(reading: Reading, names: dict[str, str]) -> list[tuple[str, object]]:
    return [(shown, getattr(reading, name)) for shown, name in names.items()]


def _numbered(readings: Sequence[Reading]) -> list[tuple[Reading, str]]:
    return [(one, "" if len(readings) == 1 else f"[{number}]") for number, one in enumerate(readings)]


def _replaced(payload: bytes, offset: int, value: int) -> bytes:
    return payload[:offset] + bytes((value,)) + payload[offset + 1 :]


def _with_payload(uplink: Uplink, payload: bytes) -> Uplink:
    return replace(uplink, payload=payload)
