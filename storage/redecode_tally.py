"""What decoding again changes, counted: readings that appear, vanish and change, per kind and field, with examples.

Counts are kept with a run; examples are not, because they hold values. Household examples do not say whose they are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

MAX_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Example:
    """One value before and after; None where there is none. `device` is empty for households."""

    device: str
    observed_at: datetime
    old: object
    new: object


@dataclass(slots=True)
class FieldTally:
    """How often a field's value appears (was empty), vanishes (is empty now) and changes."""

    appear: int = 0
    vanish: int = 0
    change: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, other: "FieldTally") -> None:
        """Sum `other` into this."""
        self.appear += other.appear
        self.vanish += other.vanish
        self.change += other.change
        self.examples = (self.examples + other.examples)[:MAX_EXAMPLES]

    def counts(self) -> dict[str, int]:
        """Without the examples."""
        return {name: getattr(self, name) for name in _FIELD_NUMBERS}


@dataclass(slots=True)
class KindTally:
    """Readings of one kind that appear, vanish and change; `moved` ones are the same, but another uplink's now."""

    appear: int = 0
    vanish: int = 0
    change: int = 0
    moved: int = 0
    fields: dict[str, FieldTally] = field(default_factory=dict)

    def add(self, other: "KindTally") -> None:
        """Sum `other` into this."""
        self.appear += other.appear
        self.vanish += other.vanish
        self.change += other.change
        self.moved += other.moved
        for name, tally in other.fields.items():
            self.of(name).add(tally)

    def of(self, name: str) -> FieldTally:
        """The tally of a field."""
        return self.fields.setdefault(name, FieldTally())

    @property
    def rows(self) -> int:
        """Rows that are written or deleted."""
        return self.appear + self.vanish + self.change + self.moved


@dataclass(slots=True)
class Tally:
    """Everything that a chunk, a part or a run found.

    Attributes:
        uplinks: raw payloads that were decoded again.
        refused: of these, how many are refused now, by reason.
        left: of the refused ones, those that stay as they are, because the reason is ours (a defect, a missing key).
        outcomes: uplinks whose row changes.
        resolved: rejected messages that are resolved by it.
        archived, archived_uplinks: rows that are kept for an undo.
    """

    uplinks: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    left: int = 0
    outcomes: int = 0
    resolved: int = 0
    archived: int = 0
    archived_uplinks: int = 0
    kinds: dict[str, KindTally] = field(default_factory=dict)

    def of(self, kind: str) -> KindTally:
        """The tally of a kind."""
        return self.kinds.setdefault(kind, KindTally())

    def add(self, other: "Tally") -> None:
        """Sum `other` into this."""
        self.uplinks += other.uplinks
        self.refused.update(other.refused)
        self.left += other.left
        self.outcomes += other.outcomes
        self.resolved += other.resolved
        self.archived += other.archived
        self.archived_uplinks += other.archived_uplinks
        for kind, tally in other.kinds.items():
            self.of(kind).add(tally)

    @property
    def changes_something(self) -> bool:
        """True when a reading or an uplink is not as it was."""
        return self.outcomes > 0 or any(kind.rows for kind in self.kinds.values())

    def counts(self) -> dict[str, object]:
        """The counts as plain JSON values; what `from_counts` reads."""
        return {
            **{name: getattr(self, name) for name in _NUMBERS},
            "refused": dict(sorted(self.refused.items())),
            "kinds": {
                kind: {
                    **{name: getattr(tally, name) for name in _KIND_NUMBERS},
                    "fields": {name: one.counts() for name, one in tally.fields.items()},
                }
                for kind, tally in sorted(self.kinds.items())
                if tally.rows
            },
        }

    @classmethod
    def from_counts(cls, counts: Mapping[str, object]) -> "Tally":
        """The tally whose `counts` these are; of an empty mapping an empty one."""
        tally = cls()
        _fill(tally, _NUMBERS, counts)
        for reason, number in _mapping(counts, "refused").items():
            assert isinstance(number, int)
            tally.refused[reason] = number
        for kind in _mapping(counts, "kinds"):
            one = tally.of(kind)
            _fill(one, _KIND_NUMBERS, counts, "kinds", kind)
            for name in _mapping(counts, "kinds", kind, "fields"):
                _fill(one.of(name), _FIELD_NUMBERS, counts, "kinds", kind, "fields", name)
        return tally


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of all."""
    found = Tally()
    for tally in tallies:
        found.add(tally)
    return found


_NUMBERS = ("uplinks", "left", "outcomes", "resolved", "archived", "archived_uplinks")
_KIND_NUMBERS = ("appear", "vanish", "change", "moved")
_FIELD_NUMBERS = ("appear", "vanish", "change")


def _fill(tally: object, names: Iterable[str], counts: Mapping[str, object], *path: str) -> None:
    numbers = _mapping(counts, *path)
    for name in names:
        setattr(tally, name, numbers.get(name, 0))


def _mapping(counts: Mapping[str, object], *path: str) -> Mapping[str, object]:
    found: object = counts
    for name in path:
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}
