"""TimescaleDB where it is there: found once, at the first migrate; hypertables and their compression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from decoders.readings import Reading
from storage.database import Connection
from storage.refusal import MigrationRefused
from storage.rollup_parts import relation
from storage.statements import load

_QUERIES = load("timescale")
_OLDEST = (2, 20)


@dataclass(frozen=True, slots=True)
class Hypertable:
    """A table cut into chunks by time, whose old chunks become columns.

    Attributes:
        chunk: width of a chunk; one day where retention must be exact to the day or a day is big.
        segment_by: what queries and duplicate checks ask for; one compressed batch holds one value of it.
    """

    table: str
    time: str
    chunk: LiteralString
    segment_by: str
    order_by: str


CORE: tuple[Hypertable, ...] = (
    Hypertable("uplink", "ns_time", "1 day", "device_id", "ns_time"),
    Hypertable("reception", "ns_time", "1 day", "gateway_id", "ns_time, device_id"),
    Hypertable("payload_public", "ns_time", "1 day", "device_id", "ns_time"),
    Hypertable("payload_household", "ns_time", "1 day", "device_id", "ns_time"),
    Hypertable("device_event", "occurred_at", "7 days", "device_id", "occurred_at"),
    Hypertable("gateway_stats", "occurred_at", "7 days", "gateway_id", "occurred_at"),
)


def hypertable_of(kind: type[Reading]) -> Hypertable:
    """The kind's table: a week in a chunk, so that a device fills a batch."""
    return Hypertable(kind.kind, "observed_at", "7 days", "device_id", "subject, channel, observed_at")


async def detect(connection: Connection, *, wanted: bool) -> str | None:
    """The version of TimescaleDB in this database, made when the server has it; None without it or when not wanted.

    Raises:
        MigrationRefused: the server has it and we may not create the extension, or it is too old.
    """
    if not wanted:
        return None
    version = await _installed(connection)
    if version is None and await _loadable(connection):
        try:
            await connection.execute(_QUERIES["create_extension"])
        except psycopg.errors.InsufficientPrivilege:
            raise MigrationRefused(
                "the server has TimescaleDB, but this login may not use it: let an administrator run "
                "`CREATE EXTENSION timescaledb` in this database, or set database.timescale to off"
            ) from None
        version = await _installed(connection)
    if version is not None and tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < _OLDEST:
        raise MigrationRefused(f"TimescaleDB {version} is too old: Stadtfunk needs 2.20 or newer")
    return version


async def uses_timescale(connection: Connection) -> bool:
    """What was decided for this database at the first migrate."""
    row = await (await connection.execute(_QUERIES["in_use"])).fetchone()
    return row is not None and row[0] is not None


async def ensure_hypertables(connection: Connection, kinds: Sequence[type[Reading]]) -> None:
    """Make the big tables hypertables, with columnstore for old chunks."""
    for hypertable in (*CORE, *map(hypertable_of, kinds)):
        known = await connection.execute(_QUERIES["is_hypertable"], (hypertable.table,))
        if await known.fetchone() is None:
            await _create(connection, hypertable)


async def _create(connection: Connection, hypertable: Hypertable) -> None:
    table = relation(hypertable.table)
    async with connection.transaction():
        await connection.execute(
            _QUERIES["create_hypertable"], (table.as_string(connection), hypertable.time, hypertable.chunk)
        )
        await connection.execute(
            sql.SQL(_QUERIES["enable_columnstore"]).format(
                table=table,
                segment_by=sql.Literal(hypertable.segment_by),
                order_by=sql.Literal(hypertable.order_by),
            )
        )


async def _installed(connection: Connection) -> str | None:
    row = await (await connection.execute(_QUERIES["installed_version"])).fetchone()
    return None if row is None else str(row[0])


async def _loadable(connection: Connection) -> bool:
    row = await (await connection.execute(_QUERIES["is_loadable"])).fetchone()
    return row is not None and bool(row[0])
