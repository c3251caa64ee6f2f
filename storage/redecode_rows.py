"""What decoding again reads: raw payloads of a stretch of time, and the readings that are stored for them.

Results are binary and times stay integers, which halves what a row costs. Every statement is planned with its values,
so that devices and times lead to the right chunks and indexes.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg import sql
from psycopg.types.numeric import Int8BinaryLoader

from decoders.readings import Reading
from storage import arrays
from storage.arrays import BinaryArray, encode, moment
from storage.database import Connection
from storage.kinds import KEY, columns
from storage.redecode_compare import Key, Row, row_columns
from storage.rollup_parts import relation
from storage.statements import load

_QUERIES = load("redecode")
_DAY = timedelta(days=1)

SAME_KEY = sql.SQL(_QUERIES["same_key"])
BOUNDS = sql.SQL(_QUERIES["bounds"])
KEYS = sql.SQL(_QUERIES["keys"])


class DeviceRow(NamedTuple):
    """A device as its mapping and its decoder see it."""

    id: int
    dev_eui: str
    name: str
    profile: str
    application: str
    tags: Mapping[str, str]


class RawUplink(NamedTuple):
    """The columns of `raw_uplinks`, times as `micros`. Rows come as plain tuples; this names their places."""

    device_id: int
    ns_time: int
    f_cnt: int
    f_port: int
    flags: int
    event_time: int | None
    received_at: int
    source_id: int
    dev_addr: str
    data_rate: str
    frequency: int
    decoder_id: int | None
    outcome: str
    household: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Slice:
    """Network-server times from `low` up to, not including, `high`, and about how many payloads lie there."""

    low: datetime
    high: datetime
    uplinks: int = 0


Reach = Mapping[datetime, tuple[datetime, datetime]]
"""For the uplinks of a day (UTC): the first and the last time of which their readings tell."""


async def prepare(connection: Connection) -> None:
    """Make `connection` read times as integers and plan every statement anew. It serves nothing else from now on."""
    arrays.register(connection)
    connection.adapters.register_loader("timestamptz", Int8BinaryLoader)
    connection.prepare_threshold = None


async def find_devices(connection: Connection, dev_eui: str | None = None) -> list[DeviceRow]:
    """All devices, or the one with this DevEUI, in order of their ids."""
    cursor = await connection.execute(_QUERIES["devices"], {"device": dev_eui})
    return [DeviceRow(*row) for row in await cursor.fetchall()]


async def find_sources(connection: Connection) -> Mapping[int, str]:
    """The names of sources by id."""
    return dict(await (await connection.execute(_QUERIES["sources"])).fetchall())


async def slices(connection: Connection, devices: BinaryArray, within: Slice, *, size: int) -> list[Slice]:
    """`within` cut into whole minutes with about `size` payloads of `devices` each; empty times are left out."""
    values = {"low": within.low, "high": within.high, "devices": devices}
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_QUERIES["density"], values)
        minutes = [(moment(at), n) for at, n in await cursor.fetchall()]
    found: list[Slice] = []
    for minute, uplinks in minutes:
        low, high = max(minute, within.low), min(minute + timedelta(minutes=1), within.high)
        last = found[-1] if found else None
        if last is not None and last.uplinks + uplinks <= size:
            found[-1] = Slice(last.low, high, last.uplinks + uplinks)
        else:
            found.append(Slice(low, high, uplinks))
    return found


async def reach(connection: Connection, kind: type[Reading], devices: BinaryArray, within: Slice) -> Reach:
    """How far the kind's readings lie from the uplinks that brought them, by day; empty when there are none."""
    query = sql.SQL(_QUERIES["reach"]).format(table=relation(kind.kind))
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, {"low": within.low, "high": within.high, "devices": devices})
        return {moment(day): (moment(first), moment(last)) for day, first, last in await cursor.fetchall()}


async def raw_uplinks(connection: Connection, devices: BinaryArray, within: Slice) -> list[tuple[Any, ...]]:
    """Rows of `RawUplink` in order of time, without those that are never decoded."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_QUERIES["raw_uplinks"], {"low": within.low, "high": within.high, "devices": devices})
        return await cursor.fetchall()


async def nearest_of_ports(
    connection: Connection, devices: BinaryArray, ports: Sequence[int], at: datetime, *, after: bool
) -> list[tuple[Any, ...]]:
    """Rows of `RawUplink`: of each device its last uplink on each of `ports` before a time, or the first from it on."""
    side, order = (">=", "ASC") if after else ("<", "DESC")
    query = sql.SQL(_QUERIES["nearest_of_ports"]).format(side=sql.SQL(side), order=sql.SQL(order))
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, {"devices": devices, "ports": list(ports), "at": at})
        return await cursor.fetchall()


async def stored_of_uplinks(
    connection: Connection, kind: type[Reading], devices: BinaryArray, within: Slice, reached: Reach
) -> list[Row]:
    """The rows of `kind` that belong to the uplinks of `within`, wherever in time they lie."""
    days = [span for day, span in reached.items() if day < within.high and day + _DAY > within.low]
    if not days:
        return []
    query = sql.SQL(_QUERIES["stored_of_uplinks"]).format(columns=_row(kind), table=relation(kind.kind))
    values = {
        "low": within.low,
        "high": within.high,
        "first": min(first for first, _ in days),
        "last": max(last for _, last in days),
        "devices": devices,
    }
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


async def stored_of_keys(connection: Connection, kind: type[Reading], keys: Collection[Key]) -> list[Row]:
    """The rows of `kind` with these keys."""
    query = sql.SQL(_QUERIES["stored_of_keys"]).format(
        columns=_row(kind), table=relation(kind.kind), keys=KEYS, same_key=SAME_KEY, bounds=BOUNDS
    )
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(query, key_values(keys))
        return await cursor.fetchall()


def key_values(keys: Collection[Key]) -> dict[str, object]:
    """Parameters of the fragments `keys` and `bounds`."""
    device_ids, subjects, channels, times = zip(*keys, strict=True)
    return {
        "device_id": encode("integer", device_ids),
        "subject": encode("text", subjects),
        "channel": encode("smallint", channels),
        "observed_at": encode("timestamptz", times),
        **bounds(device_ids, times),
    }


def bounds(device_ids: Iterable[int], times: Collection[int]) -> dict[str, object]:
    """Parameters that say in constants which devices and times a statement is about."""
    return {
        "devices": encode("integer", sorted(set(device_ids))),
        "first": moment(min(times)),
        "last": moment(max(times)),
    }


def clipped(found: Sequence[Slice], position: datetime) -> list[Slice]:
    """What of `found` lies after `position`, to which everything is done."""
    first = bisect_left(found, position, key=lambda one: one.high)
    rest = [one for one in found[first:] if one.high > position]
    if rest and rest[0].low < position:
        rest[0] = Slice(position, rest[0].high, rest[0].uplinks)
    return rest


def _row(kind: type[Reading]) -> sql.Composed:
    assert [column.name for column in columns(kind)][: len(KEY)] == list(KEY)
    return sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in row_columns(kind))
