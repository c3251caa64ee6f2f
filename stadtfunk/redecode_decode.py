"""From stored raw payloads to readings, with the decoders that the mapping chooses now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from decoders.decoder import Decoded, Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.mapping import DeviceMapping
from decoders.uplink import Privacy, Uplink, UplinkFlag
from ingest.formats.draft import new_uplink
from ingest.preparation import privacy_of
from storage.arrays import micros
from storage.batch import DecoderKey, Outcome
from storage.redecode_compare import Again, UplinkKey
from storage.redecode_rows import DeviceRow
from storage.redecode_tally import Tally

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_CLOCK = int(UplinkFlag.CLOCK)

OURS = frozenset(
    {
        RejectReason.DECODER_ERROR,
        RejectReason.KEY_MISSING,
        RejectReason.DECRYPTION_FAILED,
        RejectReason.UNMAPPED,
        RejectReason.CODEC_ERROR,
        RejectReason.CODEC_NOT_LOADED,
        RejectReason.CODEC_OVERRUN,
        RejectReason.CODEC_KILLED,
        RejectReason.CODEC_MEMORY,
        RejectReason.CODEC_OVERSIZED,
        RejectReason.CODEC_QUARANTINED,
    }
)
"""Reasons that may say something of this installation and nothing of the payload: what is stored stays as it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """A device and the decoder that it has now."""

    device: DeviceRow
    decoder: Decoder
    key: DecoderKey
    household: bool


def targets(devices: Iterable[DeviceRow], mapping: DeviceMapping, *, decoder: str | None = None) -> dict[int, Target]:
    """Devices by id, with their decoders; without those that have none or another than `decoder`."""
    found = {}
    now = _EPOCH
    for device in devices:
        asked = Uplink(
            "",
            device.dev_eui,
            0,
            0,
            b"",
            now,
            now,
            device_profile=device.profile,
            tags=device.tags,
            device_name=device.name,
        )
        choice = mapping.resolve(asked)
        if choice is not None and decoder in (None, choice.decoder.name):
            key = DecoderKey(choice.decoder.name, choice.decoder.version, choice.file_hash)
            household = privacy_of(choice.decoder) is Privacy.HOUSEHOLD
            found[device.id] = Target(device, choice.decoder, key, household)
    return found


@dataclass(slots=True)
class Parts:
    """A device's uplinks in a chunk, some of them fragments that others complete."""

    target: Target
    uplinks: list[Uplink] = field(default_factory=list)
    fragments: dict[UplinkKey, Again] = field(default_factory=dict)


@dataclass(slots=True)
class Redecoded:
    """What the uplinks of a chunk gave. `parts` holds the devices with fragments, whose readings come with `join`."""

    uplinks: list[Again] = field(default_factory=list)
    parts: dict[int, Parts] = field(default_factory=dict)


class Redecoder:
    """Decodes rows of raw uplinks.

    Args:
        targets: the devices by id; rows of others must not come.
        sources: names of sources by id.
        decoder_ids: of every target's decoder version.
    """

    def __init__(
        self, targets: Mapping[int, Target], sources: Mapping[int, str], decoder_ids: Mapping[DecoderKey, int]
    ) -> None:
        self._targets = targets
        self._sources = sources
        self.decoder_ids = {device: decoder_ids[target.key] for device, target in targets.items()}
        self._flags: dict[int, UplinkFlag] = {}

    def decode(self, rows: Iterable[tuple[Any, ...]], tally: Tally) -> Redecoded:
        """The uplinks in `rows` (of `storage.redecode_rows.RawUplink`), in the same order. Refusals are counted.

        An uplink that is refused for one of `OURS` is left out, and with that left as it is.
        """
        found = Redecoded()
        add = found.uplinks.append
        all_targets, decoder_ids = self._targets, self.decoder_ids
        for row in rows:
            device_id = row[0]
            target = all_targets[device_id]
            uplink = self.uplink(row)
            try:
                decoded = target.decoder.decode(uplink)
            except DecodeError as refusal:
                if _leaves(refusal, tally):
                    continue
                outcome, decoded = Outcome.FAILED, NOTHING
            else:
                outcome = Outcome.DECODED if decoded.fragment is None else Outcome.FRAGMENT
            again = Again(
                device_id, row[1], row[2], _live(row), row[6], row[12], outcome, decoder_ids[device_id],
                decoded.readings, row[13], target.household,
            )  # fmt: skip
            add(again)
            if target.decoder.assembly is not None:
                _note(found, target, uplink, again)
        found.parts = {device: parts for device, parts in found.parts.items() if parts.fragments}
        return found

    def uplink(self, row: Sequence[Any]) -> Uplink:
        """The uplink of a row, as the pipeline would have it; without receptions and the server's own decoding."""
        (device_id, ns, f_cnt, f_port, flags, event, received, source_id, dev_addr, data_rate, frequency) = row[:11]
        device = self._targets[device_id].device
        ns_time = _EPOCH + timedelta(0, 0, ns)
        known = self._flags.get(flags)
        if known is None:
            known = self._flags[flags] = UplinkFlag(flags)
        return new_uplink(
            self._sources.get(source_id, ""),
            device.dev_eui,
            f_cnt,
            f_port,
            row[14],
            ns_time,
            _EPOCH + timedelta(0, 0, received),
            dev_addr,
            data_rate,
            frequency,
            None if event is None else ns_time if event == ns else _EPOCH + timedelta(0, 0, event),
            "",
            known,
            (),
            device.name,
            device.profile,
            device.application,
            device.tags,
            None,
        )

    def join(self, found: Redecoded, others: Iterable[tuple[Any, ...]], tally: Tally) -> None:
        """Give the readings of complete sets of fragments to their last parts, as far as they are in the chunk.

        Args:
            others: rows of the same devices from around the chunk.
        """
        around: dict[int, list[Uplink]] = {}
        for row in others:
            around.setdefault(row[0], []).append(self.uplink(row))
        left: set[UplinkKey] = set()
        for device_id, parts in found.parts.items():
            uplinks = [*parts.uplinks, *around.get(device_id, ())]
            for whole in parts.target.decoder.assemble(uplinks):
                again = [parts.fragments.get(_key(device_id, part)) for part in whole.joined.parts]
                here = [one for one in again if one is not None]
                for one in here:
                    one.outcome = Outcome.FAILED if whole.decoded is None else Outcome.DECODED
                if whole.decoded is not None and again[-1] is not None:
                    again[-1].readings = whole.decoded.readings
                elif whole.error is not None and here and _leaves(whole.error, tally):
                    left.update(one.key for one in here)
        if left:
            found.uplinks = [one for one in found.uplinks if one.key not in left]


NOTHING = Decoded(())


def _note(found: Redecoded, target: Target, uplink: Uplink, again: Again) -> None:
    parts = found.parts.setdefault(again.device_id, Parts(target))
    parts.uplinks.append(uplink)
    if again.outcome is Outcome.FRAGMENT:
        parts.fragments[again.key] = again


def _key(device_id: int, uplink: Uplink) -> UplinkKey:
    return (device_id, micros(uplink.ns_time), uplink.f_cnt)


def _leaves(refusal: DecodeError, tally: Tally) -> bool:
    """Count a refusal; True when it is one of `OURS`."""
    tally.refused[refusal.reason] += 1
    ours = refusal.reason in OURS
    tally.left += ours
    return ours


def _live(row: Sequence[Any]) -> int:
    """The uplink's best credible time to the second, as `Reading.of` takes it."""
    at: int = row[1] if row[5] is None or row[4] & _CLOCK else row[5]
    return at // _SECOND * _SECOND
