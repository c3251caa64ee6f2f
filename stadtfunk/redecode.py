"""Time travel: history decoded again from raw payloads, with the decoders of now. Planned, run, continued, undone.

The devices are dealt out to worker processes, each with a connection of its own; a part's position moves with each of
its transactions, so a killed run goes on where it was. Runs beside the service: no statement locks what a writer needs.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from config.settings import Settings
from decoders.mapping import DeviceMapping
from decoders.readings import KINDS
from stadtfunk.decoding import registry
from stadtfunk.redecode_decode import Target
from stadtfunk.redecode_workers import Plan, Told, find_targets, open_connection, work_off
from storage.arrays import encode
from storage.batch import DecoderKey
from storage.database import Connection, try_lock
from storage.redecode import (
    LOCK,
    Part,
    Refusal,
    Run,
    RunRefused,
    RunState,
    Selection,
    create_run,
    decoder_ids,
    described,
    find_run,
    set_state,
    unfinished_run,
)
from storage.redecode_rollups import Hours, refresh_touched, touched_hours
from storage.redecode_rows import Slice, find_devices, reach, slices
from storage.redecode_tally import Tally
from storage.redecode_undo import archived, may_undo
from storage.redecode_undo import undo as restore
from storage.statements import load

CHUNK = 10_000
"""Uplinks in one transaction. The service waits for it only where a new datalog repeats a reading that is just being
changed, so it is short: at most about a second when everything changes."""

_WRITER = load("writer")


@dataclass(frozen=True, slots=True)
class Effort:
    """How a run is carried out.

    Attributes:
        workers: processes beside this one; 0 does everything here, on one connection.
        chunk: uplinks in one transaction of one worker.
    """

    workers: int = field(default_factory=lambda: min(2, os.cpu_count() or 1))
    chunk: int = CHUNK


@dataclass(frozen=True, slots=True)
class Redecoded:
    """What a run or a dry run found.

    Attributes:
        run: None of a dry run, and when there was nothing to decode.
        continued: an earlier run of the same selection was unfinished and was brought to its end.
    """

    run: Run | None
    tally: Tally
    continued: bool = False


async def redecode(
    settings: Settings,
    selection: Selection | None,
    *,
    dry_run: bool,
    effort: Effort | None = None,
    told: Told | None = None,
) -> Redecoded:
    """Decode the uplinks of `selection` again; an interrupted run of the same selection is continued.

    Args:
        selection: None continues the run that was interrupted, whatever it selected.

    Raises:
        RegistryError, MappingError: the decoders or the mapping cannot be used.
        RunRefused: unknown decoder or device, or another run is at work or unfinished.
        Retryable, Fatal: the database is away or refuses us; what was committed stays, and the run can be continued.
    """
    effort = effort or Effort()
    known = registry(settings)
    mapping = DeviceMapping(settings.mapping, known)
    async with _working(settings) as connection:
        if selection is None:
            selection = await _interrupted(connection)
        if selection.decoder is not None and selection.decoder not in known.entries:
            names = ", ".join(sorted(known.entries))
            raise RunRefused(Refusal.UNKNOWN_DECODER, name=selection.decoder, known=names)
        if selection.device is not None and not await find_devices(connection, selection.device):
            raise RunRefused(Refusal.UNKNOWN_DEVICE, device=selection.device)
        chosen = await find_targets(connection, selection, mapping)
        if not chosen:
            return Redecoded(None, Tally())
        if dry_run:
            return Redecoded(None, await _dry(connection, settings, selection, chosen, effort, told))
        return await _run(connection, settings, selection, chosen, effort, told)


async def undo(settings: Settings, number: int, *, told: Told | None = None) -> Run:
    """Make everything as it was before the run with this number.

    Raises:
        RunRefused: no such run, a later one stands in the way, or what it replaced is not kept any more.
        Retryable, Fatal: the database is away or refuses us; the undo can be continued.
    """
    async with _working(settings) as connection:
        run = await find_run(connection, number)
        await may_undo(connection, run)
        hours = await touched_hours(connection, number)
        of, done = sum(await archived(connection, run)), 0

        def restored(count: int) -> None:
            nonlocal done
            done += count
            if told is not None:
                told(done, of)

        await restore(connection, run, restored)
        await _refresh(connection, settings, hours)
        return await find_run(connection, number)


@asynccontextmanager
async def _working(settings: Settings) -> AsyncIterator[Connection]:
    """A prepared connection that holds the lock of everything here."""
    async with await open_connection(settings) as connection:
        if not await try_lock(connection, LOCK):
            raise RunRefused(Refusal.AT_WORK)
        yield connection


async def _dry(
    connection: Connection,
    settings: Settings,
    selection: Selection,
    chosen: Mapping[int, Target],
    effort: Effort,
    told: Told | None,
) -> Tally:
    numbered = {key: n for n, key in enumerate(sorted({target.key for target in chosen.values()}))}
    plan = await _plan(connection, settings, selection, chosen, numbered, run=None, effort=effort)
    count = max(1, effort.workers)
    parts = [Part(n, count, selection.since, Tally()) for n in range(count)]
    return await work_off(connection, plan, parts, workers=effort.workers, told=told)


async def _run(
    connection: Connection,
    settings: Settings,
    selection: Selection,
    chosen: Mapping[int, Target],
    effort: Effort,
    told: Told | None,
) -> Redecoded:
    ids = await decoder_ids(connection, sorted({target.key for target in chosen.values()}))
    keys = [key for key in ids if any(target.key == key for target in chosen.values())]
    begun = await unfinished_run(connection)
    if begun is None:
        run = await create_run(connection, selection, keys, parts=max(1, effort.workers))
    else:
        run = _continuable(begun, selection, keys)
    plan = await _plan(connection, settings, run.selection, chosen, ids, run=run.id, effort=effort)
    tally = await work_off(connection, plan, run.parts, workers=effort.workers, told=told)
    await set_state(connection, run.id, RunState.DONE)
    await _refresh(connection, settings, await touched_hours(connection, run.id))
    return Redecoded(await find_run(connection, run.id), tally, continued=begun is not None)


async def _interrupted(connection: Connection) -> Selection:
    begun = await unfinished_run(connection)
    if begun is None:
        raise RunRefused(Refusal.NONE_UNFINISHED)
    return begun.selection


def _continuable(begun: Run, selection: Selection, keys: Sequence[DecoderKey]) -> Run:
    """The unfinished run, if it is the one that is asked for and nothing about it changed."""
    wanted = begun.selection
    if begun.state is RunState.UNDOING:
        raise RunRefused(Refusal.UNDOING, run=begun.id)
    if (wanted.since, wanted.decoder, wanted.device) != (selection.since, selection.decoder, selection.device):
        raise RunRefused(Refusal.UNFINISHED, run=begun.id)
    if begun.decoders != described(keys):
        raise RunRefused(Refusal.CHANGED, run=begun.id)
    return begun


async def _plan(
    connection: Connection,
    settings: Settings,
    selection: Selection,
    chosen: Mapping[int, Target],
    decoders: Mapping[DecoderKey, int],
    *,
    run: int | None,
    effort: Effort,
) -> Plan:
    within = Slice(selection.since, selection.until)
    devices = encode("integer", sorted(chosen))
    size = effort.chunk * max(1, effort.workers)
    found = await slices(connection, devices, within, size=size)
    reached = {kind.kind: await reach(connection, kind, devices, within) for kind in KINDS}
    return Plan(settings, selection, run, decoders, found, {name: days for name, days in reached.items() if days})


async def _refresh(connection: Connection, settings: Settings, hours: Hours) -> None:
    """Rollups of what changed, and a word to whoever waits for new readings."""
    if hours:
        now, use_roles = datetime.now(UTC), settings.database.use_roles
        await refresh_touched(connection, hours, settings.retention, now=now, use_roles=use_roles)
        await connection.execute(_WRITER["notify"], (",".join(sorted(hours)),))
