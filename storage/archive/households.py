"""An archive without households: what remains says nothing of a single customer.

Left out are the meters, the devices that measure them with everything about these, the readings of household kinds, raw
messages that may be anybody's, and records that name what they are about in words of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from psycopg import sql

from decoders.readings import Reading
from decoders.uplink import Privacy
from storage.archive.tables import Source
from storage.database import Connection
from storage.rollup_parts import relation
from storage.statements import load

_QUERIES = load("archive")

WORDS_OF_THEIR_OWN: Final = frozenset(
    {
        "payload_household", "rejected", "audit_log", "notification", "silence", "rule_checkpoint",
        "redecode_run", "redecode_part", "redecode_public", "redecode_household", "redecode_uplink",
        "redecode_rejected",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Hidden:
    devices: list[int]
    meters: list[int]
    alerts: list[int]


async def without_households(
    connection: Connection, sources: Sequence[Source], kinds: Sequence[type[Reading]]
) -> list[Source]:
    """`sources` without households; in the transaction that reads them."""
    households = [kind for kind in kinds if kind.privacy is Privacy.HOUSEHOLD]
    hidden = await _find(connection, households)
    prefixes = tuple(f"{kind.kind}_" for kind in households)
    left_out = WORDS_OF_THEIR_OWN | {kind.kind for kind in households}
    return [
        _filtered(source, hidden)
        for source in sources
        if source.name not in left_out and not source.name.startswith(prefixes)
    ]


async def _find(connection: Connection, households: Sequence[type[Reading]]) -> _Hidden:
    meters = [number for (number,) in await (await connection.execute(_QUERIES["meters"])).fetchall()]
    values: dict[str, list[int]] = {"meters": meters}
    bound = await (await connection.execute(_QUERIES["metering_devices"], values)).fetchall()
    devices = {number for (number,) in bound}
    for table in ("payload_household", *(kind.kind for kind in households)):
        query = sql.SQL("SELECT DISTINCT device_id FROM {}").format(relation(table))
        devices |= {number for (number,) in await (await connection.execute(query)).fetchall()}
    values["devices"] = sorted(devices)
    alerts = await (await connection.execute(_QUERIES["alerts_of"], values)).fetchall()
    return _Hidden(values["devices"], meters, [number for (number,) in alerts])


def _filtered(source: Source, hidden: _Hidden) -> Source:
    own = {"device": hidden.devices, "asset": hidden.meters, "alert": hidden.alerts}
    hides = {"device_id": hidden.devices, "asset_id": hidden.meters, "alert_id": hidden.alerts}
    if source.name in own:
        hides["id"] = own[source.name]
    conditions = [
        sql.SQL("({0} IS NULL OR {0} <> ALL({1}::bigint[]))").format(sql.Identifier(name), sql.Literal(numbers))
        for name, numbers in hides.items()
        if name in source.columns
    ]
    if not conditions:
        return source
    query = sql.SQL("SELECT * FROM ({}) AS t WHERE {}").format(source.query, sql.SQL(" AND ").join(conditions))
    return replace(source, query=query)
