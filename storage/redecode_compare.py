"""New readings against stored ones: what appears, vanishes and changes in one chunk of uplinks. Pure.

Readings are found by their key (device, subject, channel, time), which two uplinks may share: a datalog repeats what an
earlier uplink said. The row belongs to the uplink that stored it first; when that one does not yield it any more,
it becomes the reading of another one that does, and vanishes only when there is none.

Times are `micros` integers. This is the hot path: one dictionary look-up and one comparison of tuples for each reading.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from decoders.readings import Reading
from storage.arrays import micros
from storage.batch import Outcome
from storage.kinds import KEY, measured

Key = tuple[int, str, int, int]
"""`storage.kinds.KEY` of a row."""

UplinkKey = tuple[int, int, int]
"""(device, network-server time, frame counter)."""

Row = tuple[Any, ...]
"""A stored reading, in the order of `row_columns`."""

_SIZE_OF_KEY = len(KEY)
_ORIGIN = slice(_SIZE_OF_KEY, _SIZE_OF_KEY + 2)
_CONTENT = slice(_SIZE_OF_KEY + 2, None)


@dataclass(slots=True)
class Again:
    """One uplink decoded again.

    Attributes:
        live: its best credible time to the second; readings before it are history.
        was: the outcome that is stored.
        in_household, is_household: where its payload lies, and where it should.
    """

    device_id: int
    ns_time: int
    f_cnt: int
    live: int
    received_at: int
    was: str
    outcome: Outcome
    decoder_id: int
    readings: Sequence[Reading]
    in_household: bool
    is_household: bool

    @property
    def key(self) -> UplinkKey:
        """The uplink's unique key."""
        return (self.device_id, self.ns_time, self.f_cnt)


Yield = tuple[Again, Reading]
"""A reading and the uplink that yields it now."""


@dataclass(slots=True)
class KindChanges:
    """What becomes of the rows of one kind."""

    kind: type[Reading]
    appeared: dict[Key, Yield] = field(default_factory=dict)
    changed: dict[Key, tuple[Row, Yield]] = field(default_factory=dict)
    vanished: dict[Key, Row] = field(default_factory=dict)


def row_columns(kind: type[Reading]) -> tuple[str, ...]:
    """The columns of a `Row`: the key, the uplink's two columns, and what `content` gives."""
    return (*KEY, "uplink_ns_time", "uplink_f_cnt", *content_columns(kind))


def content_columns(kind: type[Reading]) -> tuple[str, ...]:
    """What a reading says: flags and quantities."""
    return ("flags", *(column.name for column in measured(kind)))


def content_of(kind: type[Reading]) -> Callable[[Mapping[str, object]], Row]:
    """Gives the content of a reading of `kind`, from its fields, as a row holds it."""
    names = content_columns(kind)
    get: Callable[[Mapping[str, object]], Row] = itemgetter(*names)
    times = [1 + n for n, column in enumerate(measured(kind)) if column.sql_type == "timestamptz"]
    if not times:
        return get

    def with_times(fields: Mapping[str, object]) -> Row:
        values: list[Any] = list(get(fields))
        for n in times:
            if values[n] is not None:
                values[n] = micros(values[n])
        return tuple(values)

    return with_times


class _Kind:
    """One kind's rows of a chunk, by key, and what the uplinks yield for these keys."""

    __slots__ = ("changed", "content", "fresh", "kept", "kind", "shared", "stored")

    def __init__(self, kind: type[Reading], rows: Iterable[Row]) -> None:
        self.kind = kind
        self.content = content_of(kind)
        self.stored: dict[Key, Row] = {row[:_SIZE_OF_KEY]: row for row in rows}
        self.kept: set[Key] = set()
        self.changed: dict[Key, Yield] = {}
        self.shared: dict[Key, Yield] = {}
        self.fresh: dict[Key, Yield] = {}


class Comparison:
    """Compares one chunk. `meet` every uplink in order of time, settle `unknown` and `unclaimed` keys, then `changes`.

    Args:
        stored: the rows of the chunk's uplinks by kind.

    Attributes:
        lags: how far, by decoder, readings lie before the uplinks that brought them; absent when they never do.
    """

    def __init__(self, stored: Mapping[type[Reading], Iterable[Row]]) -> None:
        self._kinds = {kind: _Kind(kind, rows) for kind, rows in stored.items()}
        self._met: list[Again] = []
        self.lags: dict[int, int] = {}

    def meet(self, uplinks: Iterable[Again]) -> None:
        """Take in the readings of `uplinks`, which come in order of time."""
        kinds, lags = self._kinds, self.lags
        for one in uplinks:
            self._met.append(one)
            device_id, ns_time, f_cnt = one.device_id, one.ns_time, one.f_cnt
            known, at = None, 0
            for reading in one.readings:
                fields = reading.__dict__  # pydantic keeps the fields there; asking it costs twice
                observed_at = fields["observed_at"]
                if observed_at is not known:  # the readings of one uplink mostly share one time
                    known, at = observed_at, micros(observed_at)
                    if at < one.live:
                        lags[one.decoder_id] = max(lags.get(one.decoder_id, 0), one.live - at)
                rows = kinds.get(type(reading)) or self._kind(type(reading))
                key = (device_id, fields["subject"], fields["channel"], at)
                row = rows.stored.get(key)
                if row is None:
                    rows.fresh.setdefault(key, (one, reading))
                elif row[4] != ns_time or row[5] != f_cnt:
                    rows.shared.setdefault(key, (one, reading))
                elif key not in rows.kept:
                    rows.kept.add(key)
                    if row[_CONTENT] != rows.content(fields):
                        rows.changed[key] = (one, reading)

    def unknown(self) -> Iterator[tuple[type[Reading], dict[Key, Yield]]]:
        """Keys that no row of the chunk's uplinks has; a row of another uplink may have them: `know` those."""
        for rows in self._kinds.values():
            if rows.fresh:
                yield rows.kind, rows.fresh

    def know(self, kind: type[Reading], row: Row) -> None:
        """A row that is stored under an unknown key. It stays its uplink's."""
        rows = self._kinds[kind]
        key = row[:_SIZE_OF_KEY]
        one, reading = rows.fresh.pop(key)
        if row[_ORIGIN] == (one.ns_time, one.f_cnt):
            rows.stored[key] = row
            rows.kept.add(key)
            if row[_CONTENT] != rows.content(reading.__dict__):
                rows.changed[key] = (one, reading)

    def unclaimed(self) -> Iterator[tuple[type[Reading], dict[Key, Row]]]:
        """Rows whose uplink was met, does not yield them, and nobody else of the chunk does; `claim` saves them."""
        met: dict[UplinkKey, Again] | None = None
        for rows in self._kinds.values():
            missing = rows.stored.keys() - rows.kept
            if not missing:
                continue
            met = met or {one.key: one for one in self._met}
            # The others' payloads are gone, or a status event brought them.
            found = {key: rows.stored[key] for key in missing if owner(key, rows.stored[key]) in met}
            for key in found.keys() & rows.shared.keys():
                rows.changed[key] = rows.shared[key]
                rows.kept.add(key)
                del found[key]
            if found:
                yield rows.kind, found

    def claim(self, kind: type[Reading], key: Key, found: Yield) -> None:
        """An uplink outside of the chunk yields the reading of an unclaimed row."""
        rows = self._kinds[kind]
        rows.changed[key] = found
        rows.kept.add(key)

    def changes(self) -> list[KindChanges]:
        """What is to be written, by kind, once everything is settled."""
        vanished = dict(self.unclaimed())
        found = []
        for kind, rows in self._kinds.items():
            changed = {key: (rows.stored[key], new) for key, new in rows.changed.items()}
            one = KindChanges(kind, rows.fresh, changed, vanished.get(kind, {}))
            if one.appeared or one.changed or one.vanished:
                found.append(one)
        return found

    def uplinks(self, changes: Iterable[KindChanges]) -> list[Again]:
        """The uplinks whose rows change: another outcome, or readings that are not what they were."""
        touched: set[UplinkKey] = set()
        for one in changes:
            touched.update(again.key for again, _ in one.appeared.values())
            for key, (row, (again, _)) in one.changed.items():
                touched.update((again.key, owner(key, row)))
            touched.update(owner(key, row) for key, row in one.vanished.items())
        return [one for one in self._met if one.outcome != one.was or (touched and one.key in touched)]

    def misplaced(self) -> list[Again]:
        """Uplinks whose payloads lie in the table of the wrong privacy class."""
        return [one for one in self._met if one.in_household is not one.is_household and one.outcome != Outcome.FAILED]

    def _kind(self, kind: type[Reading]) -> _Kind:
        return self._kinds.setdefault(kind, _Kind(kind, ()))


def owner(key: Key, row: Row) -> UplinkKey:
    """The uplink whose reading the row is."""
    ns_time, f_cnt = row[_ORIGIN]
    return (key[0], ns_time, f_cnt)


def is_moved(row: Row, new: Yield) -> bool:
    """True when the reading's uplink is another one."""
    return bool(row[_ORIGIN] != (new[0].ns_time, new[0].f_cnt))


def content(row: Row) -> Row:
    """Flags and quantities of a row."""
    return row[_CONTENT]
