"""The workers of a re-decoding: each does a part of the devices, in a process and with a connection of its own."""

import asyncio
import gc
import multiprocessing
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

from config.settings import Settings
from decoders.mapping import DeviceMapping
from decoders.readings import KINDS, Reading
from stadtfunk.decoding import registry
from stadtfunk.redecode_decode import Redecoder, Target, targets
from stadtfunk.redecode_part import PartRun
from storage.batch import DecoderKey
from storage.database import Connection, Role, connect
from storage.redecode import Part, Selection
from storage.redecode_rows import Reach, Slice, find_devices, find_sources, prepare
from storage.redecode_tally import Tally, total
from storage.redecode_write import Progress
from storage.statements import load

_MAINTENANCE = load("maintenance")

GC_THRESHOLDS = (500_000, 20, 100)
"""A chunk makes some hundred thousand objects that all die together; Python's default looks for cycles among them a
hundred times, a fifth of the CPU."""

Told = Callable[[int, int], None]
"""Is told how many uplinks are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every part needs to know; it travels to the workers.

    Attributes:
        run: None for a dry run.
        slices: the chunks' times, without those that hold nothing.
        reach: by the kinds' names.
    """

    settings: Settings
    selection: Selection
    run: int | None
    decoders: Mapping[DecoderKey, int]
    slices: Sequence[Slice]
    reach: Mapping[str, Reach]


async def open_connection(settings: Settings) -> Connection:
    """A connection for decoding again: in the role `maintenance`, whose statements may take long."""
    connection = await connect(settings.database, role=Role.MAINTENANCE, application_name="stadtfunk redecode")
    await prepare(connection)
    await connection.execute(_MAINTENANCE["allow_long_statements"])
    return connection


async def find_targets(connection: Connection, selection: Selection, mapping: DeviceMapping) -> dict[int, Target]:
    """The selected devices with their decoders."""
    devices = await find_devices(connection, selection.device)
    return targets(devices, mapping, decoder=selection.decoder)


async def work_off(
    connection: Connection, plan: Plan, parts: Sequence[Part], *, workers: int, told: Told | None
) -> Tally:
    """Every part to its end; the sum of what they found."""
    of = sum(one.uplinks for one in plan.slices)
    done = sum(part.tally.uplinks for part in parts)

    def uplinks_done(count: int) -> None:
        nonlocal done
        done += count
        if told is not None:
            told(done, of)

    if workers == 0:
        return total([await _part(connection, plan, part, uplinks_done) for part in parts])
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_in_process(plan, part, uplinks_done)) for part in parts]
    return total(task.result() for task in running)


async def _part(connection: Connection, plan: Plan, part: Part, told: Callable[[int], None]) -> Tally:
    """One part on a prepared connection."""
    mapping = DeviceMapping(plan.settings.mapping, registry(plan.settings))
    chosen = await find_targets(connection, plan.selection, mapping)
    mine = {device: target for device, target in chosen.items() if device % part.parts == part.part}
    redecoder = Redecoder(mine, await find_sources(connection), plan.decoders)
    kinds: dict[str, type[Reading]] = {kind.kind: kind for kind in KINDS}
    reached = {kinds[name]: days for name, days in plan.reach.items()}
    progress = None if plan.run is None else Progress(plan.run, part.part, part.position, part.tally)
    work = PartRun(connection, redecoder, mine, reached, progress)
    await work.run(plan.slices, told)
    return work.tally


async def _in_process(plan: Plan, part: Part, told: Callable[[int], None]) -> Tally:
    """One part in a process of its own.

    Raises:
        Exception: what the process raised.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=worker, args=(plan, part, theirs))
    process.start()
    theirs.close()
    try:
        while True:
            match await asyncio.to_thread(_receive, ours):
                case int(count):
                    told(count)
                case Tally() as tally:
                    return tally
                case Exception() as error:
                    raise error
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)


def _receive(pipe: Pipe) -> object:
    try:
        return pipe.recv()
    except EOFError:
        return RuntimeError("a worker of the re-decoding died: continue with `stadtfunk redecode --resume`")


def worker(plan: Plan, part: Part, pipe: Pipe) -> None:
    """A worker process: sends how many uplinks are done, at last the tally or the error. Ends when nobody listens."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked; it ends this one
    try:
        result: Tally | Exception = asyncio.run(_alone(plan, part, pipe.send))
    except Exception as error:  # noqa: BLE001 (it is raised again in the process that asked)
        result = error
    pipe.send(result)


async def _alone(plan: Plan, part: Part, told: Callable[[int], None]) -> Tally:
    async with await open_connection(plan.settings) as connection:
        return await _part(connection, plan, part, told)
