"""Undoes a run: every row becomes what the run found, in batches that are committed with what is left to do.

What was restored leaves the archive in the same transaction, so an undo goes on where it was killed.
"""

from collections.abc import Callable

from psycopg import sql

from decoders.readings import KINDS, Reading
from storage.database import Connection
from storage.faults import fault_point
from storage.redecode import Refusal, Run, RunRefused, RunState, later_run, set_state
from storage.redecode_rows import BOUNDS, SAME_KEY, bounds
from storage.redecode_write import archive_of, mark_rollups
from storage.rollup_parts import relation
from storage.statements import load

_QUERIES = load("redecode")
_BATCH = 5000

Restored = Callable[[int], None]
"""Is told how many rows were restored."""


async def may_undo(connection: Connection, run: Run) -> None:
    """Return when the run can be undone.

    Raises:
        RunRefused: with the reason.
    """
    if run.state is RunState.UNDONE:
        raise RunRefused(Refusal.UNDONE, run=run.id)
    later = await later_run(connection, run.id)
    if later is not None:
        raise RunRefused(Refusal.LATER_RUN, later=later, run=run.id)
    if run.state is RunState.UNDOING:
        return
    readings, uplinks = await archived(connection, run)
    if readings < run.tally.archived or uplinks < run.tally.archived_uplinks:
        raise RunRefused(Refusal.EXPIRED, run=run.id)


async def archived(connection: Connection, run: Run) -> tuple[int, int]:
    """How many readings and uplinks there are to restore."""
    row = await (await connection.execute(_QUERIES["archived_counts"], {"run": run.id})).fetchone()
    assert row is not None
    return row[0], row[1]


async def undo(connection: Connection, run: Run, restored: Restored) -> None:
    """Restore what the run replaced, remove what it added, and open the rejected messages that it resolved."""
    await set_state(connection, run.id, RunState.UNDOING)
    for kind in KINDS:
        while count := await _undo_readings(connection, run.id, kind):
            restored(count)
            fault_point("redecode_undo")
    while count := await _undo_uplinks(connection, run.id):
        restored(count)
    async with connection.transaction():
        await connection.execute(_QUERIES["undo_rejected"], {"run": run.id})
        await set_state(connection, run.id, RunState.UNDONE)


async def _undo_readings(connection: Connection, run: int, kind: type[Reading]) -> int:
    """One batch: delete what stands under the keys now, then insert what stood there before."""
    names = {"archive": relation(archive_of(kind)), "table": relation(kind.kind)}
    fragments = names | {"same_key": SAME_KEY, "bounds": BOUNDS}
    async with connection.transaction():
        query = sql.SQL(_QUERIES["undo_batch"]).format(archive=names["archive"])
        rows = await _fetch(connection, query, {"run": run, "kind": kind.kind, "limit": _BATCH})
        if not rows:
            return 0
        ids, devices, times = (list(column) for column in zip(*rows, strict=True))
        values: dict[str, object] = {"ids": ids, **bounds(devices, times)}
        await connection.execute(sql.SQL(_QUERIES["undo_remove"]).format(**fragments), values)
        await connection.execute(sql.SQL(_QUERIES["undo_restore"]).format(**names), {"ids": ids})
        await connection.execute(sql.SQL(_QUERIES["undo_done"]).format(archive=names["archive"]), {"ids": ids})
        await mark_rollups(connection, kind, times)
    return len(rows)


async def _undo_uplinks(connection: Connection, run: int) -> int:
    async with connection.transaction():
        rows = await _fetch(connection, _QUERIES["undo_uplink_batch"], {"run": run, "limit": _BATCH})
        if not rows:
            return 0
        ids, devices, times = (list(column) for column in zip(*rows, strict=True))
        await connection.execute(_QUERIES["undo_uplinks"], {"ids": ids, **bounds(devices, times)})
        await connection.execute(_QUERIES["undo_states"], {"ids": ids})
        await connection.execute(_QUERIES["undo_uplinks_done"], {"ids": ids})
    return len(rows)


async def _fetch(
    connection: Connection, query: sql.Composed | str, values: dict[str, object]
) -> list[tuple[int, int, int]]:
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
