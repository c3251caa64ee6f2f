"""One batch's statements, in order, inside an open transaction: what `storage.writer` commits or throws away.

Every insert is idempotent, so the same records may come again after an ambiguous commit, a crash, or from another
gateway: rows that are there already stay as they are and are counted as duplicates.

Once the copies are sorted out, all that is left of a batch is new as far as the frame counters can tell, and the
statements go out in one pipeline: the server works on one while the columns of the next are encoded. Should an uplink
be there all the same, `NotAllNew` asks for the careful way, which waits for the answer before it goes on.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial

from decoders.events import DeviceEvent
from decoders.readings import Reading
from decoders.uplink import Privacy
from storage import rows
from storage.arrays import encode, micros
from storage.batch import Record, WriteResult
from storage.directory import Connection, Cursor, Device, Directory, Sorted
from storage.kinds import insert_statement
from storage.rows import Frame, Heard, Observation, Origin
from storage.sessions import DeviceState, advance, first_state, may_be_copy
from storage.statements import Queries

COPY_WINDOW = timedelta(minutes=15)
"""How long after a frame another gateway's copy of it is still the same frame (DESIGN decision 2)."""

_COPY_WINDOW_MICROS = COPY_WINDOW // timedelta(microseconds=1)
_MICROS_PER_HOUR = 3_600_000_000


class NotAllNew(Exception):
    """An uplink that should be new was stored before: nothing is certain, roll back and store the batch carefully."""


class BatchTransaction:
    """Stores one batch through `connection`. Made anew for each transaction.

    Args:
        careful: wait for each answer; without it an unexpected duplicate raises `NotAllNew`.
        redecode: also store the readings of uplinks that are there already, and their new outcome.
    """

    def __init__(
        self, connection: Connection, queries: Queries, directory: Directory, *, careful: bool, redecode: bool
    ) -> None:
        self._connection = connection
        self._queries = queries
        self._directory = directory
        self._careful = careful
        self._redecode = redecode
        self._answers: list[Callable[[], Awaitable[None]]] = []
        self.result = WriteResult(attempts=1)

    async def store(self, records: Sequence[Record]) -> WriteResult:
        """All statements of the batch, in an order that never refers to a row that is not there yet.

        Raises:
            NotAllNew: store the batch carefully.
        """
        batch = Sorted(records)
        async with self._connection.cursor(binary=True) as cursor:
            await self._directory.resolve(cursor, batch)
        frames = rows.frames(batch.uplink_records, self._directory)
        candidates = await self._without_copies(frames)
        async with AsyncExitStack() as stack:
            if not self._careful:
                await stack.enter_async_context(self._connection.pipeline())
            new = await self._store_uplinks(candidates)
            await self._store_readings(frames if self._redecode else new, batch.device_event_records)
            await self._store_devices(frames, new)
            await self._store_gateways(batch)
            await self._store_events(batch.device_events)
            await self._store_rejected(batch.rejected)
        for answer in self._answers:
            await answer()
        self.result.uplinks = len(new)
        self.result.duplicates = len(frames) - len(new)
        await self._notify()
        return self.result

    async def _store_uplinks(self, candidates: list[Frame]) -> list[Frame]:
        """The candidates that are new, after storing them with payload and receptions."""
        new = await self._insert_uplinks(candidates)
        await self._mark("radio", (frame.ns_time for frame in new))
        for statement, privacy in _PAYLOADS:
            found = [f for f in new if f.record.privacy is privacy and f.uplink.payload]
            if found:
                await self._run(statement, rows.payload_columns(found))
        await self._insert_receptions([(f, r, f.ns_time) for f in new for r in f.uplink.receptions])
        if self._redecode and candidates:
            await self._run("set_outcomes", rows.outcome_columns(candidates))
        return new

    async def _insert_uplinks(self, frames: list[Frame]) -> list[Frame]:
        if not frames:
            return []
        cursor = await self._run("insert_uplinks", rows.uplink_columns(frames, self._directory))
        if not self._careful:
            self._answers.append(partial(_expect_all_new, cursor, len(frames)))
            return frames
        if cursor.rowcount == len(frames):
            return frames
        by_key = {frame.key: frame for frame in reversed(frames)}
        return [by_key[device, micros(at), f_cnt] for device, at, f_cnt in await cursor.fetchall()]

    async def _without_copies(self, frames: list[Frame]) -> list[Frame]:
        """The frames that are not another gateway's copy of a frame of this batch or of the table."""
        first: dict[tuple[int, int], Frame] = {}
        originals: list[Frame] = []
        copies: list[Heard] = []
        for frame in frames:
            known = first.setdefault((frame.device_id, frame.f_cnt), frame)
            if known is frame or not _is_copy(frame, known):
                originals.append(frame)
            else:
                copies += [(frame, reception, known.ns_time) for reception in frame.uplink.receptions]
        stored = await self._stored_times(originals)
        for position, at in stored.items():
            copy = originals[position]
            copies += [(copy, reception, micros(at)) for reception in copy.uplink.receptions]
        await self._insert_receptions(copies)
        await self._mark("radio", (at for _, _, at in copies))
        if self._redecode or not stored:
            return originals
        return [frame for position, frame in enumerate(originals) if position not in stored]

    async def _stored_times(self, frames: list[Frame]) -> dict[int, datetime]:
        """Position → network-server time of the stored uplink that the frame at that position is a copy of."""
        positions = [
            position
            for position, frame in enumerate(frames)
            if (state := frame.device.state) is not None
            and may_be_copy(state, frame.uplink, frame.ns_time, _COPY_WINDOW_MICROS)
        ]
        if not positions:
            return {}
        asked = [frames[position] for position in positions]
        times = [frame.uplink.ns_time for frame in asked]
        around = (min(times) - COPY_WINDOW, max(times) + COPY_WINDOW)
        columns = rows.copy_columns(positions, asked, self._directory)
        cursor = await self._run("find_copies", (*columns, *around))
        return dict(await cursor.fetchall())

    async def _insert_receptions(self, heard: list[Heard]) -> None:
        if heard:
            await self._run("insert_receptions", rows.reception_columns(heard, self._directory))

    async def _store_readings(self, frames: Iterable[Frame], events: Iterable[Record]) -> None:
        by_kind: dict[type[Reading], list[Observation]] = {}
        for frame in frames:
            known, at = None, 0
            for reading in frame.record.readings:
                if reading.observed_at is not known:  # the readings of one uplink mostly share one time
                    known, at = reading.observed_at, micros(reading.observed_at)
                by_kind.setdefault(type(reading), []).append((reading, frame, at))
        for record in events:
            for reading in record.readings:
                origin = Origin(self._directory.devices[reading.device].id, micros(record.received_at))
                by_kind.setdefault(type(reading), []).append((reading, origin, micros(reading.observed_at)))
        for kind in sorted(by_kind, key=lambda kind: kind.kind):
            await self._insert_kind(kind, by_kind[kind])

    async def _insert_kind(self, kind: type[Reading], found: list[Observation]) -> None:
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(insert_statement(kind), rows.reading_columns(kind, found))
        self._answers.append(partial(self._count_readings, kind.kind, cursor))
        await self._mark(kind.kind, (at for _, _, at in found))

    async def _mark(self, kind: str, times: Iterable[int]) -> None:
        """Tell maintenance the hours of which it has to compute figures again."""
        hours = sorted({at // _MICROS_PER_HOUR * _MICROS_PER_HOUR for at in times})
        if hours:
            await self._run("mark_rollups", [encode("text", [kind] * len(hours)), encode("timestamptz", hours)])

    async def _count_readings(self, kind: str, cursor: Cursor) -> None:
        if cursor.rowcount:
            self.result.readings[kind] = cursor.rowcount

    async def _store_devices(self, frames: list[Frame], new: list[Frame]) -> None:
        stored = None if len(new) == len(frames) else set(map(id, new))
        for frame in frames:
            if stored is None or id(frame) in stored:
                self._count(frame)
            elif frame.device.state is not None:
                self._again(frame, frame.device.state)
        touched = {frame.device_id: frame.device for frame in frames if frame.device.state is not None}
        if touched:
            await self._run("upsert_device_states", rows.state_columns([touched[key] for key in sorted(touched)]))
        renamed = self._renamed(new)
        if renamed:
            await self._run("update_devices", rows.device_columns([renamed[key] for key in sorted(renamed)]))

    def _count(self, frame: Frame) -> None:
        device, uplink = frame.device, frame.uplink
        source_id = self._directory.sources[uplink.source]
        if device.state is None:
            device.state = first_state(uplink, frame.ns_time, source_id)
        else:
            gap = advance(device.state, uplink, frame.ns_time, source_id)
            if gap > 0:
                self.result.gaps += gap
            else:
                self.result.gaps_filled -= gap
        if device.state.last_ns_time == frame.ns_time:
            device.state.outcome = frame.record.outcome

    def _again(self, frame: Frame, state: DeviceState) -> None:
        """An uplink that was stored before: a duplicate, or one that is decoded again."""
        if not self._redecode:
            state.duplicates += 1
        elif state.last_ns_time == frame.ns_time:
            state.outcome = frame.record.outcome

    def _renamed(self, new: Iterable[Frame]) -> dict[int, Device]:
        """Devices whose latest uplink says something new of what people see of them."""
        renamed: dict[int, Device] = {}
        for frame in new:
            device, uplink = frame.device, frame.uplink
            if device.shows(uplink) or device.state is None or device.state.last_ns_time != frame.ns_time:
                continue
            device.rename(uplink)
            renamed[device.id] = device
        return renamed

    async def _store_gateways(self, batch: Sorted) -> None:
        directory = self._directory
        if batch.gateway_stats:
            await self._run("insert_gateway_stats", rows.gateway_stats_columns(batch.gateway_stats, directory))
            await self._mark("radio", (micros(stats.occurred_at) for stats in batch.gateway_stats))
        if batch.uplinks or batch.gateway_stats:
            await self._run("update_gateways_seen", rows.gateway_seen_columns(batch, directory))
        if batch.gateway_connections:
            links = {link.gateway_id: link for link in batch.gateway_connections}
            columns = rows.gateway_link_columns([links[key] for key in sorted(links)], directory)
            await self._run("update_gateways_online", columns)

    async def _store_events(self, events: Sequence[DeviceEvent]) -> None:
        if events:
            cursor = await self._run("insert_events", rows.event_columns(events, self._directory))
            self._answers.append(partial(self._count_events, cursor))

    async def _count_events(self, cursor: Cursor) -> None:
        self.result.events = cursor.rowcount

    async def _store_rejected(self, records: Sequence[Record]) -> None:
        if records:
            by_digest = {rows.digest(record): record for record in records}
            columns = rows.rejected_columns([by_digest[key] for key in sorted(by_digest)])
            self._answers.append(partial(self._count_rejected, await self._run("insert_rejected", columns)))

    async def _count_rejected(self, cursor: Cursor) -> None:
        for reason, inserted in await cursor.fetchall():
            if inserted:
                self.result.rejected[reason] = self.result.rejected.get(reason, 0) + 1

    async def _notify(self) -> None:
        """Wake whoever waits for new readings; PostgreSQL delivers it at commit."""
        if self.result.readings:
            await self._run("notify", (",".join(sorted(self.result.readings)),))

    async def _run(self, statement: str, parameters: Sequence[object]) -> Cursor:
        """Send a named statement; in a pipeline its answer is there only after the pipeline's end."""
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(self._queries[statement], parameters)
        return cursor


_PAYLOADS = (("insert_public_payloads", Privacy.PUBLIC), ("insert_household_payloads", Privacy.HOUSEHOLD))


def _is_copy(frame: Frame, other: Frame) -> bool:
    """True when both are the same radio frame, heard by different gateways or delivered twice."""
    return abs(frame.ns_time - other.ns_time) <= _COPY_WINDOW_MICROS and rows.same_frame(frame, other)


async def _expect_all_new(cursor: Cursor, wanted: int) -> None:
    if cursor.rowcount != wanted:
        raise NotAllNew(f"{wanted - cursor.rowcount} of {wanted} uplinks were stored before")
