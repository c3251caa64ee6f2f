"""Which sensor answers for a bay when: bindings of devices, of which the first at a time is the bay's own.

A second sensor at the same bay only confirms. After a swap the old one's word counts no more, late messages included.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from alerts.spans import Span, Spans, joined, without
from storage.database import Connection
from storage.statements import load

_QUERIES = load("parking")

FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""The end of what has none, as the statements give it."""


class Binding(NamedTuple):
    """A device at a bay for a time."""

    id: int
    valid: Span


@dataclass(slots=True)
class Sensors:
    """The devices of one bay: those that were bound first come first."""

    bindings: list[Binding] = field(default_factory=list)
    answering: dict[int, list[Span]] = field(default_factory=dict)

    def add(self, binding: Binding) -> None:
        """The next one, in order."""
        taken = joined(one.valid for one in self.bindings)
        self.answering[binding.id] = without([binding.valid], taken)
        self.bindings.append(binding)

    def first(self, binding: int, at: datetime) -> bool:
        """True when this device answers for the bay at that time, and no other one."""
        return any(span.covers(at) for span in self.answering.get(binding, ()))

    def until(self, binding: int) -> datetime:
        """When it was taken away."""
        return next((one.valid.end for one in self.bindings if one.id == binding), FOREVER)

    def answered(self) -> Iterator[tuple[Binding, Spans]]:
        """Each device, and when it answered for the bay."""
        return ((one, self.answering[one.id]) for one in self.bindings)

    @property
    def times(self) -> list[Span]:
        """One span for each device that answered for the bay."""
        return sorted(span for spans in self.answering.values() for span in spans)


async def load_sensors(connection: Connection, values: Mapping[str, object]) -> dict[str, Sensors]:
    """The devices of each of the bays `keys`."""
    found: dict[str, Sensors] = defaultdict(Sensors)
    for key, number, start, end in await (await connection.execute(_QUERIES["sensors"], values)).fetchall():
        found[key].add(Binding(number, Span(start, end)))
    return found
