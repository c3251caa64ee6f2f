"""What the database holds, at a glance: totals of devices, sources, reading kinds and rejected messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from decoders.readings import KINDS, Reading, quantities
from storage.batch import Outcome
from storage.database import Connection
from storage.rejected import count_open
from storage.statements import load

_QUERIES = load("overview")


@dataclass(frozen=True, slots=True)
class DeviceTotals:
    """All devices together; `missing_frames` are those that the frame counters say were lost before they arrived."""

    devices: int
    orphans: int
    uplinks: int
    duplicates: int
    missing_frames: int
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class SourceTotals:
    """The devices whose latest uplink came from this source."""

    devices: int
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class KindTotals:
    """Readings of one kind; `latest` is the newest time of measurement."""

    rows: int
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class LatestReading:
    """One reading with the values it has."""

    device: str
    observed_at: datetime
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """One device as it was last seen; `outcome` is that of its latest uplink, empty before the first."""

    dev_eui: str
    name: str
    profile: str
    application: str
    source: str
    outcome: str
    uplinks: int
    duplicates: int
    missing_frames: int
    last_received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at one moment."""

    devices: DeviceTotals
    sources: Mapping[str, SourceTotals]
    kinds: Mapping[str, KindTotals]
    rejected: Mapping[str, int]


async def overview(connection: Connection, kinds: Sequence[type[Reading]] = KINDS) -> Overview:
    """The totals of now. Counts every row of the kind tables: seconds for hundreds of millions."""
    devices = await (await connection.execute(_QUERIES["devices"])).fetchone()
    assert devices is not None
    sources = await (await connection.execute(_QUERIES["sources"])).fetchall()
    return Overview(
        devices=DeviceTotals(*devices),
        sources={name: SourceTotals(count, latest) for name, count, latest in sources},
        kinds={kind.kind: await _kind_totals(connection, kind) for kind in kinds},
        rejected=await count_open(connection),
    )


async def latest(connection: Connection, kind: type[Reading], *, since: datetime, limit: int) -> list[LatestReading]:
    """The newest readings of a kind that were observed after `since`."""
    query = sql.SQL(_QUERIES["latest"]).format(kind=sql.Identifier(kind.kind))
    rows = await (await connection.execute(query, (since, limit))).fetchall()
    names = quantities(kind)
    return [
        LatestReading(device, at, {name: row[name] for name in names if row[name] is not None})
        for device, at, row in rows
    ]


async def known_devices(
    connection: Connection,
    *,
    limit: int,
    search: str | None = None,
    outcome: Outcome | None = None,
    silent_since: datetime | None = None,
) -> list[KnownDevice]:
    """Devices, the latest heard first.

    Args:
        search: a part of DevEUI, name or profile, whatever its case.
        silent_since: only those that were not heard since.
    """
    values = {"limit": limit, "search": search, "outcome": outcome, "silent_since": silent_since}
    cursor = await connection.execute(_QUERIES["known_devices"], values)
    return [KnownDevice(*row) for row in await cursor.fetchall()]


async def _kind_totals(connection: Connection, kind: type[Reading]) -> KindTotals:
    query = sql.SQL(_QUERIES["kind_totals"]).format(kind=sql.Identifier(kind.kind))
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return KindTotals(*row)
