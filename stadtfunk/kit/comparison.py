"""What decoding gives now beside what is stored: readings that appear, vanish or say something else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from decoders.readings import QualityFlag, Reading, quantities
from stadtfunk.kit.expectations import same
from storage.stored_uplinks import ReadingKey


class Change(StrEnum):
    """What differs."""

    VALUE = "value"
    APPEARS = "appears"
    """The reading is given now and not stored."""
    VANISHES = "vanishes"
    """The reading is stored and not given now."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value or one reading that differs; `field`, `stored` and `now` are of a value."""

    key: ReadingKey
    change: Change
    field: str = ""
    stored: object = None
    now: object = None

    def as_object(self) -> dict[str, object]:
        """Plain JSON values."""
        about = {
            "kind": self.key.kind,
            "subject": self.key.subject,
            "channel": self.key.channel,
            "observed_at": self.key.observed_at.isoformat(),
            "change": self.change.value,
        }
        if self.change is Change.VALUE:
            about |= {"field": self.field, "stored": _plain(self.stored), "now": _plain(self.now)}
        return about


def compare(stored: Sequence[Reading], now: Sequence[Reading]) -> list[Difference]:
    """All differences, in the order of what decoding gives now, then what vanishes."""
    return list(_differences({key_of(one): one for one in stored}, {key_of(one): one for one in now}))


def key_of(reading: Reading) -> ReadingKey:
    """The reading's key among those of its device."""
    return ReadingKey(reading.kind, reading.subject, reading.channel, reading.observed_at)


def _differences(stored: Mapping[ReadingKey, Reading], now: Mapping[ReadingKey, Reading]) -> Iterator[Difference]:
    for key, reading in now.items():
        before = stored.get(key)
        if before is None:
            yield Difference(key, Change.APPEARS)
            continue
        for name in (*quantities(type(reading)), "flags"):
            old, new = getattr(before, name), getattr(reading, name)
            if not same(old, new):
                yield Difference(key, Change.VALUE, name, old, new)
    yield from (Difference(key, Change.VANISHES) for key in stored if key not in now)


def _plain(value: object) -> object:
    if isinstance(value, QualityFlag):
        return [flag.name for flag in value]
    return value.isoformat() if isinstance(value, datetime) else value
