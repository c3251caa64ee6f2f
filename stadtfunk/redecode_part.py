"""One part of a re-decoding: chunk after chunk of its devices' uplinks, each compared and committed by itself."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from decoders.readings import Reading
from stadtfunk.redecode_decode import Redecoded, Redecoder, Target
from storage.arrays import encode, micros, moment
from storage.database import Connection
from storage.failures import Action, action_for
from storage.redecode_compare import Comparison, Key, Row, owner
from storage.redecode_count import count
from storage.redecode_rows import (
    Reach,
    Slice,
    clipped,
    nearest_of_ports,
    raw_uplinks,
    stored_of_keys,
    stored_of_uplinks,
)
from storage.redecode_tally import Tally
from storage.redecode_write import ChunkChanges, Progress, write_chunk

_log = logging.getLogger(__name__)

LONGEST_LOOK = timedelta(days=7)
"""How far after a chunk other uplinks are searched for readings that their own uplinks do not yield any more. What a
datalog repeats later than that vanishes and comes back when its own chunk is decoded."""

_ATTEMPTS = 5

Told = Callable[[int], None]
"""Is told how many uplinks of a chunk are done."""


@dataclass(slots=True)
class Repeats:
    """Readings that a dry run found to appear, so that a datalog's repeat of them in a later chunk counts once."""

    known: set[tuple[type[Reading], Key]] = field(default_factory=set)

    def drop_from(self, comparison: Comparison) -> None:
        """Forget in `comparison` what appeared before."""
        for kind, fresh in comparison.unknown():
            for key in [key for key in fresh if (kind, key) in self.known]:
                del fresh[key]

    def remember(self, comparison: Comparison, before: datetime) -> None:
        """Keep what may be repeated, as long as it may be."""
        oldest = micros(before - LONGEST_LOOK)
        self.known = {(kind, key) for kind, key in self.known if key[3] >= oldest}
        if comparison.lags:
            self.known.update((kind, key) for kind, fresh in comparison.unknown() for key in fresh)


class PartRun:
    """Decodes the uplinks of `targets` again.

    Args:
        connection: prepared by `storage.redecode_rows.prepare`.
        reach: of every kind that the devices have readings of.
        progress: where the part of a run stands; None for a dry run, which writes nothing.
    """

    def __init__(
        self,
        connection: Connection,
        redecoder: Redecoder,
        targets: Mapping[int, Target],
        reach: Mapping[type[Reading], Reach],
        progress: Progress | None,
    ) -> None:
        self._connection = connection
        self._redecoder = redecoder
        self._targets = targets
        self._devices = encode("integer", sorted(targets))
        self._dev_euis = {device: target.device.dev_eui for device, target in targets.items()}
        self._reach = reach
        self._progress = progress
        self._repeats = Repeats()
        self.tally = Tally()

    async def run(self, slices: Sequence[Slice], told: Told) -> None:
        """Chunk after chunk, in order of time, from where the part stands.

        Raises:
            AnotherAtWork: another process does the same part.
        """
        if not self._targets:
            return
        for one in slices if self._progress is None else clipped(slices, self._progress.position):
            found = await self._insist(one)
            self.tally.add(found)
            told(found.uplinks)

    async def _insist(self, one: Slice) -> Tally:
        """A chunk that meets the writer's locks is tried again; it has changed nothing."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self._chunk(one)
            except psycopg.Error as error:
                if self._connection.closed or action_for(error) is not Action.RETRY:
                    raise
                _log.warning("redecode_chunk_again attempt=%d sqlstate=%s", attempt, error.sqlstate)
        return await self._chunk(one)

    async def _chunk(self, one: Slice) -> Tally:
        rows = await raw_uplinks(self._connection, self._devices, one)
        found = Tally(uplinks=len(rows))
        redecoded = await self._decode(rows, one, found)
        comparison = Comparison(
            {
                kind: await stored_of_uplinks(self._connection, kind, self._devices, one, reached)
                for kind, reached in self._reach.items()
            }
        )
        comparison.meet(redecoded.uplinks)
        await self._settle(comparison, one)
        kinds = comparison.changes()
        changes = ChunkChanges(kinds, comparison.uplinks(kinds), comparison.misplaced())
        count(found, kinds, self._dev_euis)
        found.outcomes = len(changes.uplinks)
        if self._progress is None:
            self._repeats.remember(comparison, one.low)
        else:
            await write_chunk(self._connection, self._progress, changes, found, until=one.high)
        return found

    async def _decode(self, rows: Iterable[tuple[Any, ...]], one: Slice, found: Tally) -> Redecoded:
        redecoded = self._redecoder.decode(rows, found)
        if redecoded.parts:
            self._redecoder.join(redecoded, await self._around(redecoded, one), found)
        return redecoded

    async def _around(self, redecoded: Redecoded, one: Slice) -> list[tuple[Any, ...]]:
        """Uplinks before and after the chunk that its fragments may belong to."""
        decoders = [parts.target.decoder for parts in redecoded.parts.values()]
        assemblies = [decoder.assembly for decoder in decoders if decoder.assembly is not None]
        window = max(assembly.window for assembly in assemblies)
        ports = sorted({port for assembly in assemblies for port in assembly.context_ports})
        devices = encode("integer", sorted(redecoded.parts))
        before, after = Slice(one.low - window, one.low), Slice(one.high, one.high + window)
        rows = [row for near in (before, after) for row in await raw_uplinks(self._connection, devices, near)]
        if ports:
            rows += await nearest_of_ports(self._connection, devices, ports, before.low, after=False)
            rows += await nearest_of_ports(self._connection, devices, ports, after.high, after=True)
        return rows

    async def _settle(self, comparison: Comparison, one: Slice) -> None:
        """Ask for rows under keys that the chunk does not have, and for uplinks that yield what it lost."""
        if self._progress is None:
            self._repeats.drop_from(comparison)
        for kind, fresh in comparison.unknown():
            if fresh:
                for row in await stored_of_keys(self._connection, kind, list(fresh)):
                    comparison.know(kind, row)
        if comparison.lags:
            for kind, rows in list(comparison.unclaimed()):
                await self._search(comparison, kind, rows, one)

    async def _search(self, comparison: Comparison, kind: type[Reading], rows: Mapping[Key, Row], one: Slice) -> None:
        """Find other uplinks of the same devices that yield readings which a datalog may have repeated."""
        decoder_ids = self._redecoder.decoder_ids
        wanted = {key: row for key, row in rows.items() if decoder_ids[key[0]] in comparison.lags}
        if not wanted:
            return
        longest = max(comparison.lags[decoder_ids[key[0]]] for key in wanted)
        look = min(timedelta(microseconds=longest) + timedelta(hours=1), LONGEST_LOOK)
        devices = encode("integer", sorted({key[0] for key in wanted}))
        times = [moment(owner(key, row)[1]) for key, row in wanted.items()]
        for near in (Slice(min(times) - look, one.low), Slice(one.high, max(times) + look)):
            if near.low >= near.high:
                continue
            others = self._redecoder.decode(await raw_uplinks(self._connection, devices, near), Tally())
            for again in others.uplinks:
                for reading in again.readings:
                    key = (again.device_id, reading.subject, reading.channel, micros(reading.observed_at))
                    if type(reading) is kind and wanted.pop(key, None) is not None:
                        comparison.claim(kind, key, (again, reading))
