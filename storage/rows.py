"""From records to columns: pure functions that build what the writer sends, one list per column.

Columns are built by one comprehension each, which is the cheapest way in Python from objects to columns: a third of
what building row tuples and turning them costs. Times are `micros` integers (see `storage.arrays`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from zlib import crc32

from decoders.events import DeviceEvent, GatewayConnection, GatewayStats
from decoders.readings import Reading
from decoders.uplink import Reception, Uplink
from storage.arrays import BinaryArray, encode, micros
from storage.batch import Record
from storage.directory import Device, Directory, Sorted
from storage.kinds import measured

Columns = list[BinaryArray]


@dataclass(slots=True)
class Frame:
    """An uplink on its way into the tables: its record and device, and what its rows need in every table."""

    record: Record
    uplink: Uplink
    device: Device
    device_id: int
    ns_time: int
    f_cnt: int
    payload_crc: int
    decoder_id: int | None

    @property
    def key(self) -> tuple[int, int, int]:
        """The unique key of the uplink (DESIGN decision 2)."""
        return (self.device_id, self.ns_time, self.f_cnt)


@dataclass(slots=True)
class Origin:
    """What the row of a reading needs besides it, where no uplink but a status event brought it."""

    device_id: int
    ns_time: int
    f_cnt: int = 0
    decoder_id: int | None = None


Observation = tuple[Reading, Frame | Origin, int]
"""A reading, where it came from, and its `observed_at` as an integer; a plain tuple, since an uplink has several."""

Heard = tuple[Frame, Reception, int]
"""A reception, its frame, and the time of the stored uplink, which for a late copy is not the frame's own."""


def frames(records: Iterable[Record], directory: Directory) -> list[Frame]:
    """The frames of `records`, all of them uplinks; the directory knows their devices and decoders."""
    devices, decoders = directory.devices, directory.decoders
    found = []
    for record in records:
        uplink = record.event
        assert isinstance(uplink, Uplink)
        device = devices[uplink.dev_eui]
        decoder = None if record.decoder is None else decoders[record.decoder]
        at, crc = micros(uplink.ns_time), crc32(uplink.payload)
        found.append(Frame(record, uplink, device, device.id, at, uplink.f_cnt, crc, decoder))
    return found


def uplink_columns(found: Sequence[Frame], directory: Directory) -> Columns:
    """Columns of `uplink`."""
    uplinks = [frame.uplink for frame in found]
    sources = directory.sources
    return [
        encode("integer", [frame.device_id for frame in found]),
        encode("timestamptz", [frame.ns_time for frame in found]),
        encode("bigint", [frame.f_cnt for frame in found]),
        encode("smallint", [sources[uplink.source] for uplink in uplinks]),
        encode("smallint", [frame.decoder_id for frame in found]),
        encode("smallint", [uplink.f_port for uplink in uplinks]),
        encode("smallint", [uplink.flags for uplink in uplinks]),
        encode("smallint", [len(uplink.payload) for uplink in uplinks]),
        encode("bigint", [frame.payload_crc for frame in found]),
        encode("bigint", [uplink.frequency for uplink in uplinks]),
        encode("text", [frame.record.outcome for frame in found]),
        encode("text", [uplink.data_rate for uplink in uplinks]),
        encode("text", [uplink.dev_addr for uplink in uplinks]),
        encode("timestamptz", [uplink.event_time for uplink in uplinks]),
        encode("timestamptz", [uplink.received_at for uplink in uplinks]),
        encode("uuid", [_uuid(uplink.deduplication_id) for uplink in uplinks]),
    ]


def copy_columns(positions: Sequence[int], found: Sequence[Frame], directory: Directory) -> Columns:
    """Columns of the question which frames are stored already; `positions` come back in the answer."""
    return [
        encode("integer", positions),
        encode("integer", [frame.device_id for frame in found]),
        encode("timestamptz", [frame.ns_time for frame in found]),
        encode("bigint", [frame.f_cnt for frame in found]),
        encode("smallint", [directory.sources[frame.uplink.source] for frame in found]),
        encode("bigint", [frame.payload_crc for frame in found]),
        encode("bigint", [frame.uplink.frequency for frame in found]),
        encode("text", [frame.uplink.data_rate for frame in found]),
        encode("text", [frame.uplink.dev_addr for frame in found]),
    ]


def same_frame(one: Frame, other: Frame) -> bool:
    """True when everything is equal that two gateway copies of one frame have in common, except the time."""
    a, b = one.uplink, other.uplink
    return (
        one.device_id == other.device_id
        and one.f_cnt == other.f_cnt
        and one.payload_crc == other.payload_crc
        and a.source == b.source
        and a.frequency == b.frequency
        and a.data_rate == b.data_rate
        and a.dev_addr == b.dev_addr
    )


def payload_columns(found: Sequence[Frame]) -> Columns:
    """Columns of a payload table."""
    return [
        encode("integer", [frame.device_id for frame in found]),
        encode("timestamptz", [frame.ns_time for frame in found]),
        encode("bigint", [frame.f_cnt for frame in found]),
        encode("bytea", [frame.uplink.payload for frame in found]),
    ]


def reception_columns(found: Sequence[Heard], directory: Directory) -> Columns:
    """Columns of `reception`."""
    gateways = directory.gateways
    receptions = [reception for _, reception, _ in found]
    return [
        encode("timestamptz", [at for _, _, at in found]),
        encode("integer", [frame.device_id for frame, _, _ in found]),
        encode("bigint", [frame.f_cnt for frame, _, _ in found]),
        encode("integer", [gateways[reception.gateway_id].id for reception in receptions]),
        encode("smallint", [reception.antenna for reception in receptions]),
        encode("smallint", [reception.channel for reception in receptions]),
        encode("smallint", [reception.rssi for reception in receptions]),
        encode("real", [reception.snr for reception in receptions]),
    ]


def reading_columns(kind: type[Reading], found: Sequence[Observation]) -> Columns:
    """Columns of the kind's table, in the order of `storage.kinds.columns`."""
    origins = [origin for _, origin, _ in found]
    values = [reading.__dict__ for reading, _, _ in found]  # pydantic keeps the fields there; asking it costs twice
    return [
        encode("integer", [origin.device_id for origin in origins]),
        encode("text", [value["subject"] for value in values]),
        encode("smallint", [value["channel"] for value in values]),
        encode("timestamptz", [at for _, _, at in found]),
        encode("smallint", [value["flags"] for value in values]),
        encode("timestamptz", [origin.ns_time for origin in origins]),
        encode("bigint", [origin.f_cnt for origin in origins]),
        encode("smallint", [origin.decoder_id for origin in origins]),
        *(encode(column.sql_type, [value[column.name] for value in values]) for column in measured(kind)),
    ]


def state_columns(devices: Sequence[Device]) -> Columns:
    """Columns of `device_state`; every device has a state."""
    states = [device.state for device in devices if device.state is not None]
    return [
        encode("integer", [device.id for device in devices]),
        encode("smallint", [state.source_id for state in states]),
        encode("text", [state.dev_addr for state in states]),
        encode("timestamptz", [state.session_started_at for state in states]),
        encode("bigint", [state.first_f_cnt for state in states]),
        encode("bigint", [state.last_f_cnt for state in states]),
        encode("bigint", [state.session_uplinks for state in states]),
        encode("bigint", [state.earlier_gaps for state in states]),
        encode("bigint", [state.uplinks for state in states]),
        encode("bigint", [state.duplicates for state in states]),
        encode("timestamptz", [state.last_ns_time for state in states]),
        encode("timestamptz", [state.last_received_at for state in states]),
        encode("text", [state.outcome for state in states]),
    ]


def outcome_columns(found: Sequence[Frame]) -> Columns:
    """Columns of the update of an uplink's outcome after decoding it again."""
    return [
        encode("integer", [frame.device_id for frame in found]),
        encode("timestamptz", [frame.ns_time for frame in found]),
        encode("bigint", [frame.f_cnt for frame in found]),
        encode("text", [frame.record.outcome for frame in found]),
        encode("smallint", [frame.decoder_id for frame in found]),
    ]


def device_columns(devices: Sequence[Device]) -> Columns:
    """Columns of the update of what people see of a device."""
    return [
        encode("integer", [device.id for device in devices]),
        encode("text", [_clean(device.name) for device in devices]),
        encode("text", [_clean(device.profile) for device in devices]),
        encode("text", [_clean(device.application) for device in devices]),
        encode("text", [_json(device.tags) for device in devices]),
    ]


def event_columns(events: Sequence[DeviceEvent], directory: Directory) -> Columns:
    """Columns of `device_event`."""
    return [
        encode("integer", [directory.devices[event.dev_eui].id for event in events]),
        encode("timestamptz", [event.occurred_at for event in events]),
        encode("text", [event.kind for event in events]),
        encode("text", [event.code for event in events]),
        encode("smallint", [directory.sources[event.source] for event in events]),
        encode("timestamptz", [event.received_at for event in events]),
        encode("text", [event.deduplication_id for event in events]),
        encode("text", [_json(event.detail) for event in events]),
    ]


def gateway_stats_columns(stats: Sequence[GatewayStats], directory: Directory) -> Columns:
    """Columns of `gateway_stats`."""
    return [
        encode("integer", [directory.gateways[one.gateway_id].id for one in stats]),
        encode("timestamptz", [one.occurred_at for one in stats]),
        encode("timestamptz", [one.received_at for one in stats]),
        encode("integer", [one.rx_received for one in stats]),
        encode("integer", [one.rx_received_ok for one in stats]),
        encode("integer", [one.tx_received for one in stats]),
        encode("integer", [one.tx_emitted for one in stats]),
        encode("text", [_json(one.detail) for one in stats]),
    ]


def gateway_seen_columns(batch: Sorted, directory: Directory) -> Columns:
    """Columns of the update of `gateway`: the last place and time at which the batch heard of each."""
    seen: dict[str, tuple[datetime, Reception | GatewayStats]] = {}
    for uplink in batch.uplinks:
        for reception in uplink.receptions:
            seen[reception.gateway_id] = (uplink.ns_time, reception)
    stats = {one.gateway_id: one.occurred_at for one in batch.gateway_stats}
    for one in batch.gateway_stats:
        seen[one.gateway_id] = (one.occurred_at, one)
    names = sorted(seen)
    places = [seen[name][1] for name in names]
    return [
        encode("integer", [directory.gateways[name].id for name in names]),
        encode("timestamptz", [seen[name][0] for name in names]),
        encode("timestamptz", [stats.get(name) for name in names]),
        encode("double precision", [place.latitude for place in places]),
        encode("double precision", [place.longitude for place in places]),
        encode("double precision", [place.altitude for place in places]),
    ]


def gateway_link_columns(links: Sequence[GatewayConnection], directory: Directory) -> Columns:
    """Columns of the update of `gateway.online`."""
    return [
        encode("integer", [directory.gateways[link.gateway_id].id for link in links]),
        encode("boolean", [link.online for link in links]),
        encode("timestamptz", [link.received_at for link in links]),
    ]


def rejected_columns(records: Sequence[Record]) -> Columns:
    """Columns of `rejected`; a message that stands twice in `records` must stand once."""
    received_at = encode("timestamptz", [record.received_at for record in records])
    return [
        encode("bytea", [digest(record) for record in records]),
        received_at,
        encode("text", [record.source for record in records]),
        encode("text", [_clean(record.topic) for record in records]),
        encode("bytea", [record.message for record in records]),
        encode("text", [record.reason for record in records]),
        encode("text", [_clean(record.detail) for record in records]),
        encode("text", [getattr(record.event, "dev_eui", "") for record in records]),
        encode("text", ["" if record.decoder is None else record.decoder.name for record in records]),
        received_at,
    ]


def digest(record: Record) -> bytes:
    """The same 16 bytes whenever the same message comes again from the same source."""
    found = blake2b(digest_size=16)
    for part in (record.source.encode(), record.topic.encode("utf-8", "replace"), record.message):
        found.update(len(part).to_bytes(8))
        found.update(part)
    return found.digest()


def _uuid(text: str) -> bytes | None:
    if len(text) != 36:
        return None
    try:
        return bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), default=str, allow_nan=False)


def _clean(text: str) -> str:
    """`text` without what PostgreSQL cannot keep: NUL and lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
