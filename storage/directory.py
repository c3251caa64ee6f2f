"""The writer's memory of ids and device states: sources, decoders, gateways and devices by their natural names.

Filled inside the writing transaction and thrown away as a whole when that transaction fails or another writer had its
turn, so it can never say what the database does not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from psycopg import AsyncConnection, AsyncCursor

from decoders.events import DeviceEvent, GatewayConnection, GatewayStats
from decoders.uplink import Uplink
from storage.arrays import encode, micros
from storage.batch import DecoderKey, Record
from storage.sessions import DeviceState
from storage.statements import Queries

Connection = AsyncConnection[tuple[Any, ...]]
Cursor = AsyncCursor[tuple[Any, ...]]


@dataclass(slots=True)
class Device:
    """A device's id, what people see of it, and the state of its frame counter (None before the first uplink)."""

    id: int
    name: str
    profile: str
    application: str
    tags: Mapping[str, str]
    state: DeviceState | None

    def shows(self, uplink: Uplink) -> bool:
        """True when people see of the device what `uplink` says of it."""
        return (
            self.name == uplink.device_name
            and self.profile == uplink.device_profile
            and self.application == uplink.application
            and self.tags == uplink.tags
        )

    def rename(self, uplink: Uplink) -> None:
        """Take over what `uplink` says of the device."""
        self.name, self.profile = uplink.device_name, uplink.device_profile
        self.application, self.tags = uplink.application, uplink.tags


@dataclass(slots=True)
class Gateway:
    """A gateway's id and place, and when it was last seen by this writer."""

    id: int
    latitude: float | None
    longitude: float | None
    altitude: float | None
    seen_at: datetime | None = None


class Sorted:
    """The records of one batch by what they are about, and the names that they mention."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.uplink_records: list[Record] = []
        self.device_event_records: list[Record] = []
        self.gateway_stats: list[GatewayStats] = []
        self.gateway_connections: list[GatewayConnection] = []
        self.rejected = [record for record in records if record.reason is not None]
        for record in records:
            self._add(record)
        self.uplinks = [cast(Uplink, record.event) for record in self.uplink_records]
        self.device_events = [cast(DeviceEvent, record.event) for record in self.device_event_records]
        self.sources = {record.source for record in records}
        self.decoders = {record.decoder for record in self.uplink_records if record.decoder is not None}
        self.gateways = {reception.gateway_id for uplink in self.uplinks for reception in uplink.receptions}
        self.gateways.update(stats.gateway_id for stats in self.gateway_stats)
        self.gateways.update(link.gateway_id for link in self.gateway_connections)

    def _add(self, record: Record) -> None:
        event = record.event
        if isinstance(event, Uplink):
            self.uplink_records.append(record)
        elif isinstance(event, DeviceEvent):
            self.device_event_records.append(record)
        elif isinstance(event, GatewayStats):
            self.gateway_stats.append(event)
        elif isinstance(event, GatewayConnection):
            self.gateway_connections.append(event)


class Directory:
    """Ids by natural name. `resolve` makes sure that everything a batch names is known."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self.sources: dict[str, int] = {}
        self.decoders: dict[DecoderKey, int] = {}
        self.gateways: dict[str, Gateway] = {}
        self.devices: dict[str, Device] = {}

    def clear(self) -> None:
        """Forget everything; the next batch reads it again."""
        for known in (self.sources, self.decoders, self.gateways, self.devices):
            known.clear()

    async def resolve(self, cursor: Cursor, batch: Sorted) -> None:
        """Read or create every source, decoder, gateway and device that the batch names."""
        await self._resolve_sources(cursor, batch.sources - self.sources.keys())
        await self._resolve_decoders(cursor, batch.decoders - self.decoders.keys())
        await self._resolve_gateways(cursor, batch.gateways - self.gateways.keys())
        named: list[Uplink | DeviceEvent] = [*batch.uplinks, *batch.device_events]
        known = self.devices
        await self._resolve_devices(cursor, {one.dev_eui: one for one in named if one.dev_eui not in known})

    async def _resolve_sources(self, cursor: Cursor, names: set[str]) -> None:
        if names:
            wanted = encode("text", sorted(names))
            await cursor.execute(self._queries["ensure_sources"], (wanted,))
            await cursor.execute(self._queries["find_sources"], (wanted,))
            self.sources.update((row[0], row[1]) for row in await cursor.fetchall())

    async def _resolve_decoders(self, cursor: Cursor, keys: set[DecoderKey]) -> None:
        if keys:
            names, versions, hashes = (list(column) for column in zip(*sorted(keys), strict=True))
            await cursor.execute(
                self._queries["ensure_decoders"],
                (encode("text", names), encode("integer", versions), encode("text", hashes)),
            )
            await cursor.execute(self._queries["find_decoders"], (encode("text", names),))
            self.decoders.update((DecoderKey(*row[:3]), row[3]) for row in await cursor.fetchall())

    async def _resolve_gateways(self, cursor: Cursor, ids: set[str]) -> None:
        if ids:
            wanted = encode("text", sorted(ids))
            await cursor.execute(self._queries["ensure_gateways"], (wanted,))
            await cursor.execute(self._queries["find_gateways"], (wanted,))
            self.gateways.update((row[0], Gateway(*row[1:])) for row in await cursor.fetchall())

    async def _resolve_devices(self, cursor: Cursor, unknown: Mapping[str, Uplink | DeviceEvent]) -> None:
        if not unknown:
            return
        missing = unknown.keys() - await self._load_devices(cursor, sorted(unknown))
        if missing:
            await self._create_devices(cursor, [unknown[dev_eui] for dev_eui in sorted(missing)])
            await self._load_devices(cursor, sorted(missing))

    async def _load_devices(self, cursor: Cursor, dev_euis: list[str]) -> set[str]:
        await cursor.execute(self._queries["find_devices"], (encode("text", dev_euis),))
        rows = await cursor.fetchall()
        for dev_eui, device_id, name, profile, application, tags, *state in rows:
            known = None if state[0] is None else _state(*state)
            self.devices[dev_eui] = Device(device_id, name, profile, application, tags, known)
        return {row[0] for row in rows}

    async def _create_devices(self, cursor: Cursor, events: Sequence[Uplink | DeviceEvent]) -> None:
        rows = [(e.dev_eui, e.device_name, e.device_profile, e.application, json.dumps(dict(e.tags))) for e in events]
        await cursor.execute(
            self._queries["ensure_devices"],
            [encode("text", list(column)) for column in zip(*rows, strict=True)],
        )


def _state(source_id: int, dev_addr: str, session_started_at: datetime, *rest: Any) -> DeviceState:  # noqa: ANN401
    """The state in a row of `find_devices`, its network-server times as integers."""
    first_f_cnt, last_f_cnt, session_uplinks, earlier_gaps, uplinks, duplicates, last_ns_time, *last = rest
    return DeviceState(
        source_id,
        dev_addr,
        micros(session_started_at),
        first_f_cnt,
        last_f_cnt,
        session_uplinks,
        earlier_gaps,
        uplinks,
        duplicates,
        micros(last_ns_time),
        *last,
    )
