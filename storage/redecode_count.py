"""Counts what the comparison of a chunk found: per kind and field, with the first examples."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from decoders.readings import QualityFlag, Reading
from decoders.uplink import Privacy
from storage.arrays import moment
from storage.kinds import measured
from storage.redecode_compare import Key, KindChanges, Row, content, content_columns, content_of, is_moved
from storage.redecode_tally import MAX_EXAMPLES, Example, KindTally, Tally


def count(tally: Tally, changes: Iterable[KindChanges], dev_euis: Mapping[int, str]) -> None:
    """Add `changes` to `tally`; `dev_euis` names the devices of examples."""
    for one in changes:
        _Counter(one.kind, tally.of(one.kind.kind), dev_euis).count(one)


class _Counter:
    """Counts the changes of one kind."""

    def __init__(self, kind: type[Reading], tally: KindTally, dev_euis: Mapping[int, str]) -> None:
        self._tally = tally
        self._names = content_columns(kind)
        self._content = content_of(kind)
        self._empty: Row = (0, *[None] * (len(self._names) - 1))
        self._shown = [_shown_flags, *(_shown(column.sql_type) for column in measured(kind))]
        self._dev_euis = {} if kind.privacy is Privacy.HOUSEHOLD else dev_euis

    def count(self, one: KindChanges) -> None:
        tally = self._tally
        tally.appear += len(one.appeared)
        tally.vanish += len(one.vanished)
        for key, (_, reading) in one.appeared.items():
            self._fields(key, self._empty, self._content(reading.__dict__))
        for key, row in one.vanished.items():
            self._fields(key, content(row), self._empty)
        for key, (row, new) in one.changed.items():
            old, said = content(row), self._content(new[1].__dict__)
            if old != said:
                tally.change += 1
                self._fields(key, old, said)
            elif is_moved(row, new):
                tally.moved += 1

    def _fields(self, key: Key, old: Row, new: Row) -> None:
        for n, (before, after) in enumerate(zip(old, new, strict=True)):
            if before == after:
                continue
            tally = self._tally.of(self._names[n])
            if n and before is None:
                tally.appear += 1
            elif n and after is None:
                tally.vanish += 1
            else:
                tally.change += 1
            if len(tally.examples) < MAX_EXAMPLES:
                show = self._shown[n]
                device = self._dev_euis.get(key[0], "")
                tally.examples.append(Example(device, moment(key[3]), show(before), show(after)))


def _shown(sql_type: str) -> Callable[[object], object]:
    return _shown_time if sql_type == "timestamptz" else _as_it_is


def _shown_time(value: object) -> datetime | None:
    return moment(value) if isinstance(value, int) else None


def _shown_flags(value: object) -> str:
    assert isinstance(value, int)
    return "|".join(str(flag.name) for flag in QualityFlag(value)) or "-"


def _as_it_is(value: object) -> object:
    return value
