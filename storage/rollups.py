"""Makes what the rollups of a kind consist of, on either database; views are made again when their text changed."""

import hashlib
from collections.abc import Iterable, Sequence

from psycopg import sql

from decoders.quantities import Nature
from decoders.readings import Reading
from decoders.uplink import Privacy
from storage.buckets import Width
from storage.database import Connection
from storage.rollup_columns import measured
from storage.rollup_parts import Parts, live_parts_view, parts_query, relation
from storage.rollup_steps import has_steps, steps_columns, steps_name, steps_table
from storage.rollup_views import (
    HOUSEHOLD_DEVICES,
    bound_rollup_view,
    district_growth_name,
    district_growth_view,
    district_view,
    household_devices_view,
    public_rollup_view,
    public_view,
    readings_view,
    rollup_view,
)
from storage.statements import load
from storage.views import drop_views_of

_QUERIES = load("migrate")


async def parts_of(connection: Connection, kind: type[Reading]) -> tuple[Parts, ...]:
    """All parts of the kind, hourly and daily, one for each version of the kind that brought quantities."""
    cursor = await connection.execute(_QUERIES["kind_versions"], (kind.kind,))
    found = []
    known: set[str] = set()
    for version, columns in await cursor.fetchall():
        brought = tuple(q for q in measured(kind) if q.name in columns and q.name not in known)
        known.update(columns)
        if brought:
            found += [Parts(kind, width, version, brought) for width in Width]
    return tuple(found)


async def ensure_rollups(connection: Connection, kinds: Sequence[type[Reading]], *, timescale: bool) -> None:
    """Make the relations and views of the kinds' rollups that are missing or old."""
    households = [kind for kind in kinds if kind.privacy is Privacy.HOUSEHOLD]
    for kind in kinds:
        parts = await ensure_stored(connection, kind, timescale=timescale)
        views = _rollup_views(kind, parts, timescale=timescale) | _people_views(kind, parts, households)
        await _ensure_views(connection, kind, views)
    await _ensure_household_devices(connection, households)


async def ensure_stored(connection: Connection, kind: type[Reading], *, timescale: bool) -> tuple[Parts, ...]:
    """Make what holds the rows of the kind's rollups: its parts, which are returned, and its steps."""
    parts = await parts_of(connection, kind)
    for part in parts:
        await _ensure_parts(connection, part, timescale=timescale)
    if has_steps(kind):
        for width in Width:
            await _ensure_steps(connection, kind, width)
    return parts


async def exists(connection: Connection, name: str) -> bool:
    """True when our schema has a relation of this name."""
    row = await (await connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"stadtfunk.{name}",))).fetchone()
    return row is not None and bool(row[0])


async def _ensure_parts(connection: Connection, parts: Parts, *, timescale: bool) -> None:
    if await exists(connection, parts.name if timescale else parts.stored):
        return
    if timescale:
        await connection.execute(
            sql.SQL(
                "CREATE MATERIALIZED VIEW {} WITH (timescaledb.continuous, timescaledb.materialized_only = false)"
                " AS {} WITH NO DATA"
            ).format(relation(parts.name), parts_query(parts, timescale=True))
        )
        return
    table = relation(parts.stored)
    query = parts_query(parts, timescale=False)
    await connection.execute(sql.SQL("CREATE TABLE {} AS {} WITH NO DATA").format(table, query))
    await connection.execute(
        sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (device_id, subject, channel, bucket)").format(table)
    )
    await _index_buckets(connection, parts.stored)


async def _ensure_steps(connection: Connection, kind: type[Reading], width: Width) -> None:
    name = steps_name(kind, width)
    if not await exists(connection, name):
        await connection.execute(steps_table(kind, width))
        await _index_buckets(connection, name)
    await connection.execute(steps_columns(kind, width))


async def _index_buckets(connection: Connection, table: str) -> None:
    index = sql.Identifier(f"{table}_bucket_idx")
    await connection.execute(sql.SQL("CREATE INDEX {} ON {} (bucket)").format(index, relation(table)))


def _rollup_views(kind: type[Reading], parts: Sequence[Parts], *, timescale: bool) -> dict[str, sql.Composed]:
    """The kind's rollups by name, each after those that it reads."""
    views = {} if timescale else {part.name: live_parts_view(part) for part in parts}
    for width in Width:
        own = [part for part in parts if part.width is width]
        views[f"{kind.kind}_{width}"] = rollup_view(kind, width, own)
        views[f"v_{kind.kind}_{width}"] = bound_rollup_view(kind, width, own)
    return views


def _people_views(
    kind: type[Reading], parts: Sequence[Parts], households: Sequence[type[Reading]]
) -> dict[str, sql.Composed]:
    """What people read: everything with names, and beside it what is left without single customers."""
    views = {f"v_{kind.kind}": readings_view(kind)}
    of_width = {width: [part for part in parts if part.width is width] for width in Width}
    if kind.privacy is Privacy.HOUSEHOLD:
        if any(quantity.nature is Nature.COUNTER for quantity in measured(kind)):
            views[district_growth_name(kind)] = district_growth_view(kind)
        views[f"v_{kind.kind}_district_daily"] = district_view(kind, of_width[Width.DAILY])
        return views
    views[f"public_{kind.kind}"] = public_view(f"v_{kind.kind}", households)
    for width, own in of_width.items():
        views[f"public_{kind.kind}_{width}"] = public_rollup_view(kind, width, own, households)
    return views


async def _ensure_household_devices(connection: Connection, households: Sequence[type[Reading]]) -> None:
    """Others are built on this view, so it is replaced, not made again."""
    query = household_devices_view(households)
    checksum = _checksum(connection, [query])
    if await _is_current(connection, HOUSEHOLD_DEVICES, checksum):
        return
    async with connection.transaction():
        await connection.execute(query)
        await connection.execute(_QUERIES["record_views"], (HOUSEHOLD_DEVICES, checksum))


async def _ensure_views(connection: Connection, kind: type[Reading], views: dict[str, sql.Composed]) -> None:
    checksum = _checksum(connection, views.values())
    if await _is_current(connection, kind.kind, checksum):
        return
    async with connection.transaction():
        await drop_views_of(connection, kind)
        for name in reversed(list(views)):
            await connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(relation(name)))
        for query in views.values():
            await connection.execute(query)
        await connection.execute(_QUERIES["record_views"], (kind.kind, checksum))


def _checksum(connection: Connection, queries: Iterable[sql.Composed]) -> str:
    text = "\n".join(query.as_string(connection) for query in queries)
    return hashlib.sha256(text.encode()).hexdigest()


async def _is_current(connection: Connection, name: str, checksum: str) -> bool:
    row = await (await connection.execute(_QUERIES["find_views"], (name,))).fetchone()
    return row is not None and row[0] == checksum
