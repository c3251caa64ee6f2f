"""The latest uplinks of one device as they are stored: with payload, outcome, decoder version and readings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg import sql

from decoders.readings import KINDS, QualityFlag, Reading, quantities
from decoders.uplink import Privacy, Uplink
from storage.batch import Outcome
from storage.database import Connection
from storage.statements import load
from storage.uplink_rows import UplinkRow

_QUERIES = load("stored_uplinks")
_OLDEST_DATALOG = timedelta(days=90)
"""How far before its uplink a reading of a datalog may lie, to be found here."""
_CLOCK_AHEAD = timedelta(days=2)

_SHARED = len(UplinkRow._fields)

_Key = tuple[datetime, int]


class ReadingKey(NamedTuple):
    """What tells the readings of one device apart."""

    kind: str
    subject: str
    channel: int
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredUplink:
    """One uplink.

    Attributes:
        uplink: as the decoder saw it; without payload where that is withheld or no longer kept.
        payload_size: bytes that it had.
        privacy: whose data the payload was taken for; None when it is withheld or no longer kept.
        decoder, version: what decoded it; empty and 0 when nothing did.
        readings: what it gave, as stored; of a household only on demand.
    """

    uplink: Uplink
    payload_size: int
    privacy: Privacy | None
    outcome: Outcome
    decoder: str
    version: int
    readings: tuple[Reading, ...]

    @property
    def missing(self) -> bool:
        """Its payload is withheld or no longer kept."""
        return self.privacy is None and self.payload_size > 0


async def stored_uplinks(
    connection: Connection, dev_eui: str, *, limit: int, household: bool = False
) -> list[StoredUplink] | None:
    """The latest `limit` uplinks of a device, the oldest first; None when there is no such device.

    Args:
        household: also read what may be data of a household: payloads of its class, readings of its kinds.
    """
    found = await (await connection.execute(_QUERIES["device"], (dev_eui,))).fetchone()
    if found is None:
        return None
    device = _Device(*found)
    cursor = await connection.execute(_QUERIES["uplinks"], (device.id, limit))
    rows = [_Row(UplinkRow(*row[:_SHARED]), *row[_SHARED:]) for row in await cursor.fetchall()]
    times = [row.row.ns_time for row in rows]
    payloads = await _payloads(connection, device, times, household=household)
    readings = await _readings(connection, device, times, household=household) if rows else {}
    return [_stored(row, payloads, readings) for row in reversed(rows)]


async def stored_keys(connection: Connection, dev_eui: str, keys: Iterable[ReadingKey]) -> set[ReadingKey]:
    """Those of `keys` under which a reading of the device is stored, whatever uplink it came with."""
    wanted = set(keys)
    found: set[ReadingKey] = set()
    for kind in KINDS:
        of_kind = [key for key in wanted if key.kind == kind.kind]
        if of_kind:
            query = sql.SQL(_QUERIES["keys"]).format(kind=sql.Identifier(kind.kind))
            values = {
                "dev_eui": dev_eui,
                "subjects": [key.subject for key in of_kind],
                "channels": [key.channel for key in of_kind],
                "times": [key.observed_at for key in of_kind],
            }
            rows = await (await connection.execute(query, values)).fetchall()
            found.update(ReadingKey(kind.kind, *row) for row in rows)
    return found


async def _payloads(
    connection: Connection, device: "_Device", times: Sequence[datetime], *, household: bool
) -> Mapping[_Key, tuple[bytes, Privacy]]:
    found: dict[_Key, tuple[bytes, Privacy]] = {}
    for privacy in (Privacy.PUBLIC, Privacy.HOUSEHOLD) if household else (Privacy.PUBLIC,):
        cursor = await connection.execute(_QUERIES[f"{privacy}_payloads"], (device.id, times))
        found |= {(at, f_cnt): (payload, privacy) for at, f_cnt, payload in await cursor.fetchall()}
    return found


async def _readings(
    connection: Connection, device: "_Device", times: Sequence[datetime], *, household: bool
) -> Mapping[_Key, list[Reading]]:
    found: dict[_Key, list[Reading]] = {}
    span = {"first": min(times) - _OLDEST_DATALOG, "last": max(times) + _CLOCK_AHEAD}
    for kind in KINDS:
        if kind.privacy is Privacy.HOUSEHOLD and not household:
            continue
        query = sql.SQL(_QUERIES["readings"]).format(kind=sql.Identifier(kind.kind))
        cursor = await connection.execute(query, {"device": device.id, "times": times, **span})
        for at, f_cnt, row in await cursor.fetchall():
            found.setdefault((at, f_cnt), []).append(_reading(kind, device.dev_eui, row))
    return found


def _reading(kind: type[Reading], dev_eui: str, row: Mapping[str, object]) -> Reading:
    flags = row["flags"]
    assert isinstance(flags, int)
    common = {name: row[name] for name in ("subject", "channel", "observed_at")}
    values = {name: row[name] for name in quantities(kind) if row.get(name) is not None}
    return kind.model_validate({"device": dev_eui, "flags": QualityFlag(flags), **common, **values})


def _stored(
    row: "_Row", payloads: Mapping[_Key, tuple[bytes, Privacy]], readings: Mapping[_Key, Sequence[Reading]]
) -> StoredUplink:
    payload, privacy = payloads.get(row.key, (b"", None))
    return StoredUplink(
        row.row._replace(payload=payload).uplink(),
        row.payload_size,
        privacy,
        Outcome(row.outcome),
        row.decoder,
        row.version,
        tuple(readings.get(row.key, ())),
    )


class _Device(NamedTuple):
    """The columns of the statement `device`."""

    id: int
    dev_eui: str


class _Row(NamedTuple):
    """The columns of the statement `uplinks`: those of every uplink, and what was made of it."""

    row: UplinkRow
    payload_size: int
    outcome: str
    decoder: str
    version: int

    @property
    def key(self) -> _Key:
        """What tells the uplinks of one device apart."""
        return self.row.ns_time, self.row.f_cnt
