"""Writes what decoding a chunk again changed, in one transaction with the position of the run.

Rows that stay as they are are not touched. What is replaced, removed or added is archived before, for an undo.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, LiteralString

from psycopg import sql
from psycopg.abc import PyFormat
from psycopg.types.json import Jsonb

from decoders.readings import Reading
from decoders.uplink import Privacy
from storage.arrays import encode
from storage.batch import Outcome
from storage.database import Connection
from storage.faults import fault_point
from storage.kinds import columns
from storage.redecode_compare import Again, Key, KindChanges, Yield
from storage.redecode_rows import BOUNDS, KEYS, SAME_KEY, bounds, key_values
from storage.redecode_tally import Tally
from storage.rollup_parts import relation
from storage.rows import Origin, reading_columns
from storage.statements import load

_QUERIES = load("redecode")
_WRITER = load("writer")
_NO_WAIT: LiteralString = "SET LOCAL synchronous_commit = off"
_MICROS_PER_HOUR = 3_600_000_000
_UNDECODED = (Outcome.ORPHAN, Outcome.FAILED)


class AnotherAtWork(Exception):
    """The position of this part is not what it was: another process decodes the same part."""


@dataclass(frozen=True, slots=True)
class ChunkChanges:
    """Everything that a chunk changes.

    Attributes:
        uplinks: those whose rows change.
        misplaced: those whose payloads belong into the table of the other privacy class.
    """

    kinds: Sequence[KindChanges]
    uplinks: Sequence[Again]
    misplaced: Sequence[Again]


@dataclass(slots=True)
class Progress:
    """How far a part of a run is, and what it counted so far."""

    run: int
    part: int
    position: datetime
    tally: Tally


def archive_of(kind: type[Reading]) -> str:
    """The table that keeps what a run replaced, by privacy class."""
    return f"redecode_{kind.privacy}"


async def write_chunk(
    connection: Connection, progress: Progress, changes: ChunkChanges, found: Tally, *, until: datetime
) -> None:
    """Commit the changes of a chunk that ends at `until`, and with them the progress.

    Args:
        found: what the chunk counted; the rows that were written are added to it.

    Raises:
        AnotherAtWork: nothing is written.
    """
    counted = Tally.from_counts(progress.tally.counts())
    async with connection.transaction():
        await _hold(connection, progress)
        if not (changes.kinds or changes.uplinks or changes.misplaced):
            await connection.execute(_NO_WAIT)  # a crash that loses only the position costs only time
        for one in changes.kinds:
            found.archived += await _write_kind(connection, progress.run, one)
        await _write_uplinks(connection, progress.run, changes.uplinks, found)
        await _move_payloads(connection, changes.misplaced)
        counted.add(found)
        await _advance(connection, progress, counted, until)
        fault_point("redecode_before_commit")
    progress.tally.add(found)
    progress.position = until
    fault_point("redecode_after_commit")


async def _hold(connection: Connection, progress: Progress) -> None:
    """Lock the part's row first, so that two processes never write the same chunk."""
    await _advance(connection, progress, progress.tally, progress.position)


async def _advance(connection: Connection, progress: Progress, counted: Tally, position: datetime) -> None:
    values = {
        "run": progress.run,
        "part": progress.part,
        "expected": progress.position,
        "position": position,
        "counts": Jsonb(counted.counts()),
    }
    if (await connection.execute(_QUERIES["advance"], values)).rowcount != 1:
        raise AnotherAtWork(f"part {progress.part} of run {progress.run} is not at {progress.position}")


async def _write_kind(connection: Connection, run: int, one: KindChanges) -> int:
    """Returns the number of rows that an undo will need."""
    kind = one.kind
    archived = 0
    replaced = [*one.changed, *one.vanished]
    if replaced:
        cursor = await connection.execute(_archive(kind), {"run": run, **key_values(replaced)})
        archived += cursor.rowcount
    if one.vanished:
        await connection.execute(_remove(kind), key_values(one.vanished))
    if one.changed:
        changed = {key: new for key, (_, new) in one.changed.items()}
        await connection.execute(_change(kind), _row_values(kind, changed))
    if one.appeared:
        cursor = await connection.execute(_add(kind), {"run": run, **_row_values(kind, one.appeared)})
        archived += cursor.rowcount
    await mark_rollups(connection, kind, (key[3] for key in (*replaced, *one.appeared)))
    return archived


async def mark_rollups(connection: Connection, kind: type[Reading], times: Iterable[int]) -> None:
    """Let maintenance compute the hours of these times again."""
    hours = sorted({at // _MICROS_PER_HOUR * _MICROS_PER_HOUR for at in times})
    values = [encode("text", [kind.kind] * len(hours)), encode("timestamptz", hours)]
    await connection.execute(_WRITER["mark_rollups"], values)


async def _write_uplinks(connection: Connection, run: int, uplinks: Sequence[Again], found: Tally) -> None:
    if not uplinks:
        return
    values = uplink_values(uplinks)
    cursor = await connection.execute(_QUERIES["archive_uplinks"], {"run": run, **values})
    found.archived_uplinks += cursor.rowcount
    outcomes = {
        "outcome": encode("text", [one.outcome for one in uplinks]),
        "decoder_id": encode("smallint", [one.decoder_id for one in uplinks]),
    }
    await connection.execute(_QUERIES["change_uplinks"], values | outcomes)
    states = {name: values[name] for name in ("device_id", "ns_time")} | {"outcome": outcomes["outcome"]}
    await connection.execute(_QUERIES["change_states"], states)
    understood = [one for one in uplinks if one.was in _UNDECODED and one.outcome not in _UNDECODED]
    if understood:
        resolved = await connection.execute(
            _QUERIES["resolve_rejected"],
            {
                "run": run,
                "device_id": encode("integer", [one.device_id for one in understood]),
                "received_at": encode("timestamptz", [one.received_at for one in understood]),
            },
        )
        found.resolved += resolved.rowcount


async def _move_payloads(connection: Connection, uplinks: Sequence[Again]) -> None:
    for to_household in (True, False):
        found = [one for one in uplinks if one.is_household is to_household]
        if found:
            privacy = (Privacy.PUBLIC, Privacy.HOUSEHOLD) if to_household else (Privacy.HOUSEHOLD, Privacy.PUBLIC)
            source, target = (relation(f"payload_{one}") for one in privacy)
            query = sql.SQL(_QUERIES["move_payloads"]).format(source=source, target=target)
            await connection.execute(query, uplink_values(found))


def uplink_values(uplinks: Sequence[Again]) -> dict[str, object]:
    """Parameters that name uplinks, and their bounds."""
    times = [one.ns_time for one in uplinks]
    return {
        "device_id": encode("integer", [one.device_id for one in uplinks]),
        "ns_time": encode("timestamptz", times),
        "f_cnt": encode("bigint", [one.f_cnt for one in uplinks]),
        **bounds((one.device_id for one in uplinks), times),
    }


def _row_values(kind: type[Reading], rows: Mapping[Key, Yield]) -> dict[str, object]:
    """Whole rows as parameters by their columns' names, and the bounds of their keys."""
    arrays = reading_columns(kind, [(reading, _origin(one), key[3]) for key, (one, reading) in rows.items()])
    values: dict[str, Any] = dict(zip((column.name for column in columns(kind)), arrays, strict=True))
    return values | bounds((key[0] for key in rows), [key[3] for key in rows])


def _origin(one: Again) -> Origin:
    return Origin(one.device_id, one.ns_time, one.f_cnt, one.decoder_id)


def names(kind: type[Reading]) -> list[sql.Identifier]:
    """The columns of the kind's table."""
    return [sql.Identifier(column.name) for column in columns(kind)]


@cache
def _archive(kind: type[Reading]) -> sql.Composed:
    return sql.SQL(_QUERIES["archive"]).format(
        archive=relation(archive_of(kind)),
        kind=sql.Literal(kind.kind),
        table=relation(kind.kind),
        keys=KEYS,
        same_key=SAME_KEY,
        bounds=BOUNDS,
    )


@cache
def _remove(kind: type[Reading]) -> sql.Composed:
    return sql.SQL(_QUERIES["remove"]).format(table=relation(kind.kind), keys=KEYS, same_key=SAME_KEY, bounds=BOUNDS)


@cache
def _change(kind: type[Reading]) -> sql.Composed:
    rest = names(kind)[4:]
    return sql.SQL(_QUERIES["change"]).format(
        table=relation(kind.kind),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = n.{0}").format(name) for name in rest),
        rows=_rows(kind),
        same_key=SAME_KEY,
        bounds=BOUNDS,
    )


@cache
def _add(kind: type[Reading]) -> sql.Composed:
    return sql.SQL(_QUERIES["add"]).format(
        table=relation(kind.kind),
        names=sql.SQL(", ").join(names(kind)),
        rows=_rows(kind),
        archive=relation(archive_of(kind)),
        kind=sql.Literal(kind.kind),
    )


def _rows(kind: type[Reading]) -> sql.Composed:
    """`unnest(%(flags)b::smallint[]) AS flags, …` for every column."""
    return sql.SQL(", ").join(
        sql.SQL("unnest({}::{}[]) AS {}").format(
            sql.Placeholder(column.name, format=PyFormat.BINARY), sql.SQL(column.sql_type), sql.Identifier(column.name)
        )
        for column in columns(kind)
    )
