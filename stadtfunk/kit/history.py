"""The stored uplinks of one device, decoded now: with the decoder that the mapping chooses, beside what is stored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from decoders.decoder import Decoder
from decoders.errors import RejectReason
from decoders.mapping import Choice, DeviceMapping
from decoders.uplink import NOT_DECODABLE
from stadtfunk.kit.answers import Answer, answers, reading_object
from stadtfunk.kit.comparison import Change, Difference, compare
from storage.database import Role, connect
from storage.settings import DatabaseSettings
from storage.stored_uplinks import ReadingKey, StoredUplink, stored_keys, stored_uplinks


class WhyNot(StrEnum):
    """Why a stored uplink is not decoded now."""

    WITHHELD = "the payload is withheld, because it may be a household's (--household shows it), or no longer kept"
    NOT_DECODABLE = "simulated, encrypted or without payload: never decoded"
    NO_DECODER = "no mapping names a decoder for this device"


@dataclass(frozen=True, slots=True)
class DecodedAgain:
    """One stored uplink and what its payload gives now; no answer where it is not decoded, `why_not` says why."""

    stored: StoredUplink
    answer: Answer | None
    differences: tuple[Difference, ...] = ()
    why_not: WhyNot | None = None

    def without(self, known: Collection[ReadingKey]) -> "DecodedAgain":
        """What another uplink brought already does not appear: a datalog repeats what was sent live."""
        kept = (one for one in self.differences if one.change is not Change.APPEARS or one.key not in known)
        return replace(self, differences=tuple(kept))

    def as_object(self, choice: Choice | None) -> dict[str, object]:
        """The answer's plain JSON values, and beside them the uplink, the choice and what is stored."""
        empty = {"readings": [], "warnings": [self.why_not], "error": _no_decoder() if choice is None else None}
        uplink = self.stored.uplink
        return {
            **(empty if self.answer is None else self.answer.as_object()),
            "uplink": {
                "ns_time": uplink.ns_time.isoformat(),
                "f_cnt": uplink.f_cnt,
                "f_port": uplink.f_port,
                "hex": None if self.stored.missing else uplink.payload.hex(),
                "source": uplink.source,
                "outcome": self.stored.outcome.value,
                "decoder": self.stored.decoder,
                "version": self.stored.version,
            },
            "chosen": _chosen(choice),
            "stored": [reading_object(reading) for reading in self.stored.readings],
            "differences": [difference.as_object() for difference in self.differences],
        }


@dataclass(frozen=True, slots=True)
class History:
    """The latest uplinks of one device, the oldest first, and the decoder that it has; None for an orphan."""

    choice: Choice | None
    uplinks: tuple[DecodedAgain, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which uplinks: so many of this device; with what may be a household's or without."""

    dev_eui: str
    last: int
    household: bool = False


async def device_history(
    database: DatabaseSettings, device: Wanted, mapping: DeviceMapping, *, forced: Decoder | None = None
) -> History | None:
    """What the device's uplinks give now, read in the role that decodes history; None when there are none.

    Args:
        forced: a decoder in place of the one that the mapping chooses for the device as it is known now.

    Raises:
        Retryable, Fatal: the database is away, or its login may not take that role.
    """
    connection = await connect(database, role=Role.MAINTENANCE, application_name="stadtfunk decode")
    async with connection:
        stored = await stored_uplinks(connection, device.dev_eui, limit=device.last, household=device.household)
        if not stored:
            return None
        choice = mapping.resolve(stored[-1].uplink) if forced is None else Choice(forced, "--decoder", "")
        found = decode_again(stored, choice)
        keys = [one.key for again in found for one in again.differences if one.change is Change.APPEARS]
        known = await stored_keys(connection, device.dev_eui, keys)
    return History(choice, tuple(again.without(known) for again in found))


def decode_again(stored: Sequence[StoredUplink], choice: Choice | None) -> list[DecodedAgain]:
    """Every uplink decoded now; parts of a message are put together as far as all of them are here."""
    kept = {} if choice is None else {id(one): one for one in stored if not _why_not(one, choice)}
    answered = [] if choice is None else answers(choice.decoder, [one.uplink for one in kept.values()])
    found = dict(zip(kept, answered, strict=True))
    return [_decoded_again(one, found.get(id(one)), choice) for one in stored]


def _decoded_again(stored: StoredUplink, answer: Answer | None, choice: Choice | None) -> DecodedAgain:
    if answer is None:
        return DecodedAgain(stored, None, why_not=_why_not(stored, choice))
    differences = () if stored.missing else tuple(compare(stored.readings, answer.readings))
    return DecodedAgain(stored, answer, differences)


def _why_not(stored: StoredUplink, choice: Choice | None) -> WhyNot | None:
    """Why an uplink is not decoded; None when it is."""
    if stored.missing:
        return WhyNot.WITHHELD
    if stored.uplink.flags & NOT_DECODABLE:
        return WhyNot.NOT_DECODABLE
    return None if choice is not None else WhyNot.NO_DECODER


def _chosen(choice: Choice | None) -> dict[str, object] | None:
    if choice is None:
        return None
    return {"decoder": choice.decoder.name, "version": choice.decoder.version, "why": choice.why}


def _no_decoder() -> dict[str, object]:
    return {"reason": RejectReason.NO_DECODER.value, "detail": WhyNot.NO_DECODER.value}
