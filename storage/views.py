"""Views that answer a department's questions across assets and reading kinds: what dashboards read.

They are made of the kinds' tables and rollups, so they come after those, and go before one of those is made again; a
numbered migration can do neither. Their texts are `storage/queries/views_*.sql`, one view under each name, in order: a
view reads only views above it. Names that do not begin with `v_` are for other views, and nobody is granted them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg import sql

from decoders.readings import KINDS, DeviceHealth, HeatMeter, ParkingBay, Reading, TreeMoisture
from decoders.uplink import Privacy
from storage.buckets import ZONE, Width
from storage.database import Connection
from storage.rollup_parts import relation
from storage.statements import load

_QUERIES = load("migrate")

LEAST_METERS: Final = 5
"""A value of fewer household meters than this is shown to nobody but their utility."""
OCCUPANCY_STALE: Final = timedelta(minutes=130)
EVSE_STALE: Final = timedelta(minutes=15)
"""So long a bay's sensor is believed, and a charge point's status after a contact: defaults of the alert engine."""
CASE_CODES: Final = ("V1_NO_CHARGE", "V2_AFTER_CHARGE", "V3_MAX_STAY", "V4_IDLE_PLUGGED")
DISMISSED: Final = ("BERECHTIGT", "FAHRZEUG_LAEDT_DOCH", "KEIN_FAHRZEUG", "SAEULE_DEFEKT")
"""Outcomes after which a case counts as no lost time, as in the monthly statistics."""


@dataclass(frozen=True, slots=True)
class ViewFile:
    """A file of views and the kinds whose readings they are made of."""

    name: str
    kinds: tuple[type[Reading], ...]

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views, each after those that it reads."""
        return tuple(load(self.name))

    @property
    def shown(self) -> tuple[str, ...]:
        """Those that dashboards may read."""
        return tuple(name for name in self.views if name.startswith("v_"))


FILES: Final = (
    ViewFile("views_trees", (TreeMoisture,)),
    ViewFile("views_heat", (HeatMeter,)),
    ViewFile("views_parking", (ParkingBay,)),
    ViewFile("views_network", KINDS),
)


def _public_reading() -> sql.Composed:
    """True when the device `d` ever measured something of the city's. Any device tells its battery, a meter's too."""
    kinds = [kind for kind in KINDS if kind.privacy is Privacy.PUBLIC and kind is not DeviceHealth]
    sent = "EXISTS (SELECT FROM {} AS r WHERE r.device_id = d.id)"
    return sql.SQL("({})").format(sql.SQL(" OR ").join(sql.SQL(sent).format(relation(kind.kind)) for kind in kinds))


_VALUES: Final[dict[str, sql.Composable]] = {
    "zone": sql.Literal(ZONE),
    "day_end": Width.DAILY.end(sql.SQL("p.bucket")),
    "least": sql.Literal(LEAST_METERS),
    "public": _public_reading(),
    "occupancy_stale": sql.Literal(OCCUPANCY_STALE),
    "evse_stale": sql.Literal(EVSE_STALE),
    "codes": sql.SQL(", ").join(map(sql.Literal, CASE_CODES)),
    "dismissed": sql.SQL(", ").join(map(sql.Literal, DISMISSED)),
}


async def ensure_views(connection: Connection, kinds: Sequence[type[Reading]]) -> None:
    """Make the views that are missing or old, as far as `kinds` has what they are made of."""
    for file in FILES:
        if set(file.kinds) <= set(kinds):
            await _ensure(connection, file)


async def drop_views_of(connection: Connection, kind: type[Reading]) -> None:
    """Drop the views that read this kind, because its own are made again; `ensure_views` brings them back."""
    for file in FILES:
        if kind in file.kinds:
            await _drop(connection, file)
            await connection.execute(_QUERIES["forget_views"], (file.name,))


async def _ensure(connection: Connection, file: ViewFile) -> None:
    statements = [
        sql.SQL("CREATE VIEW {} AS {}").format(relation(name), sql.SQL(text).format(**_VALUES))
        for name, text in load(file.name).items()
    ]
    text = "\n".join(statement.as_string(connection) for statement in statements)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    row = await (await connection.execute(_QUERIES["find_views"], (file.name,))).fetchone()
    if row is not None and row[0] == checksum:
        return
    async with connection.transaction():
        await _drop(connection, file)
        for name, statement in zip(file.views, statements, strict=True):
            await connection.execute(statement)
            await connection.execute(
                sql.SQL("COMMENT ON VIEW {} IS {}").format(relation(name), sql.Literal(_origin(file)))
            )
        await connection.execute(_QUERIES["record_views"], (file.name, checksum))


async def _drop(connection: Connection, file: ViewFile) -> None:
    """Drop all views that this or an earlier version of the file made, the last one first."""
    cursor = await connection.execute(_QUERIES["made_views"], (_origin(file),))
    for (name,) in await cursor.fetchall():
        await connection.execute(sql.SQL("DROP VIEW {}").format(relation(name)))


def _origin(file: ViewFile) -> str:
    """What a view's comment says, so that a view that a later version no longer has is found and dropped, too."""
    return f"made by Stadtfunk from {file.name}"
