"""Which tables an archive holds, and in which order: all of our schema but a few, so that a new one is never forgotten.

Continuous aggregates are no tables. What of them is older than its readings, and so could not be made again, goes
under the name of the table that stores it on plain PostgreSQL; so an archive looks the same whichever database it
comes from.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final, LiteralString

from psycopg import sql

from decoders.readings import Reading
from storage.database import Connection
from storage.rollup_parts import names_of_columns, part_names, relation, stored_before
from storage.rollups import parts_of
from storage.statements import load
from storage.timescale import uses_timescale

_QUERIES = load("archive")

LEFT_OUT: Final = frozenset(
    {
        # of this database alone: what was done to it
        "schema_migration", "installation", "kind_views", "writer_turn", "maintenance_task",
        "kind_version",  # in the manifest
        "portal_session", "portal_action",  # live for hours: people log in again
    }
)  # fmt: skip

SEEDED: Final = frozenset({"soil_class", "watering_trigger", "species_factor"})
"""Filled by migrations for cities to change; what an archive holds stands in their place."""

KEPT_BY_MAINTENANCE: Final = frozenset({"rollup_watermark"})
"""Written by a service that runs on an empty database, too; no sign of data."""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows to archive under `name`: `query` gives `columns` in this order."""

    name: str
    columns: tuple[str, ...]
    query: sql.Composable


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go; `types` by column, as far as it can be written."""

    relation: sql.Identifier
    types: Mapping[str, LiteralString]


async def find_sources(connection: Connection, kinds: Sequence[type[Reading]]) -> list[Source]:
    """Everything to archive, each table after those that it refers to."""
    tables = {name: columns for name, columns, _ in await _tables(connection)}
    found = [
        Source(name, tuple(tables[name]), _select(tables[name], relation(name)))
        for name in _in_order(tables, await _references(connection))
    ]
    return found + (await _aggregates(connection, kinds) if await uses_timescale(connection) else [])


async def find_targets(connection: Connection, kinds: Sequence[type[Reading]]) -> dict[str, Target]:
    """By name, what can be filled."""
    found = await tables_to_fill(connection)
    if not await uses_timescale(connection):
        return found
    cursor = await connection.execute(_QUERIES["materialized"])
    below = {view: (schema, table) for view, schema, table in await cursor.fetchall()}
    for kind in kinds:
        for parts in await parts_of(connection, kind):
            schema, table = below[parts.name]
            cursor = await connection.execute(_QUERIES["materialized_columns"], {"schema": schema, "table": table})
            found[parts.stored] = Target(sql.Identifier(schema, table), dict(await cursor.fetchall()))
    return found


async def tables_to_fill(connection: Connection) -> dict[str, Target]:
    """By name, the tables of our schema."""
    return {
        name: Target(relation(name), dict(zip(columns, types, strict=True)))
        for name, columns, types in await _tables(connection)
    }


async def _tables(connection: Connection) -> list[tuple[str, list[str], list[LiteralString]]]:
    rows = await (await connection.execute(_QUERIES["tables"])).fetchall()
    return [(name, columns, types) for name, columns, types in rows if name not in LEFT_OUT]


async def _references(connection: Connection) -> list[tuple[str, str]]:
    return [(table, needed) for table, needed in await (await connection.execute(_QUERIES["references"])).fetchall()]


def _in_order(tables: Collection[str], references: Sequence[tuple[str, str]]) -> list[str]:
    graph: dict[str, set[str]] = {name: set() for name in sorted(tables)}
    for table, needed in references:
        if table in graph and needed in graph:
            graph[table].add(needed)
    return list(TopologicalSorter(graph).static_order())


async def _aggregates(connection: Connection, kinds: Sequence[type[Reading]]) -> list[Source]:
    """The buckets that maintenance holds for stored; later ones follow from the readings."""
    found = []
    for kind in kinds:
        for parts in await parts_of(connection, kind):
            query = sql.SQL("SELECT {} FROM {} WHERE bucket < {}").format(
                part_names(parts), relation(parts.name), parts.width.start(stored_before(kind))
            )
            found.append(Source(parts.stored, names_of_columns(parts), query))
    return found


def _select(columns: Sequence[str], table: sql.Identifier) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(map(sql.Identifier, columns)), table)
