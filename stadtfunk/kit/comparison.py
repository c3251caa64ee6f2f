"""What decoding gives now beside what is stored: readings that appear, vanish or say something else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from decoders.readings import Reading, quantities
from stadtfunk.kit.vectors import same

_Key = tuple[str, str, int, datetime]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs; `field` is empty for a whole reading that is there only once.

    Attributes:
        stored, now: the values; None for no value, and for the side that lacks the reading.
        whole: `appears` or `vanishes` for a reading, empty for a value.
    """

    kind: str
    subject: str
    channel: int
    observed_at: datetime
    field: str = ""
    stored: object = None
    now: object = None
    whole: str = ""

    def as_object(self) -> dict[str, object]:
        """Plain JSON values."""
        about = {"kind": self.kind, "subject": self.subject, "channel": self.channel}
        at = {"observed_at": self.observed_at.isoformat()}
        if self.whole:
            return about | at | {"change": self.whole}
        return (
            about
            | at
            | {"change": "value", "field": self.field, "stored": _plain(self.stored), "now": _plain(self.now)}
        )


def compare(stored: Sequence[Reading], now: Sequence[Reading]) -> list[Difference]:
    """All differences, in the order of what decoding gives now, then what vanishes."""
    return list(_differences({_key(one): one for one in stored}, {_key(one): one for one in now}))


def _differences(stored: dict[_Key, Reading], now: dict[_Key, Reading]) -> Iterator[Difference]:
    for key, reading in now.items():
        before = stored.get(key)
        if before is None:
            yield Difference(*key, whole="appears")
            continue
        for name in (*quantities(type(reading)), "flags"):
            old, new = getattr(before, name), getattr(reading, name)
            if not same(old, new):
                yield Difference(*key, field=name, stored=old, now=new)
    yield from (Difference(*key, whole="vanishes") for key in stored if key not in now)


def _key(reading: Reading) -> _Key:
    return reading.kind, reading.subject, reading.channel, reading.observed_at


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
