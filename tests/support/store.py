"""A migrated database of either sort, with what tests need to fill it and to let its policies run."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, LiteralString, TypeVar

from psycopg import sql
from psycopg.rows import dict_row

from decoders.readings import KINDS, Reading
from storage.database import Connection, Role, connect
from storage.kinds import columns
from storage.maintenance import Maintained, run_maintenance
from storage.radio import TABLES as RADIO_TABLES
from storage.settings import DatabaseSettings, RetentionSettings

T = TypeVar("T")
Rows = list[dict[str, Any]]

FOR_EVER = RetentionSettings(
    payload_public=None,
    uplink=None,
    reception=None,
    device_event=None,
    gateway_stats=None,
    readings_household=None,
    rollups_household=None,
    bay_events=None,
    cases=None,
)


@dataclass(frozen=True)
class Store:
    """Where it is and which sort it is."""

    settings: DatabaseSettings
    timescale: bool

    def run(self, scenario: Callable[[Connection], Awaitable[T]], *, role: Role | None = None) -> T:
        """Run `scenario` on a connection of its own."""

        async def with_connection() -> T:
            async with await connect(self.settings, role=role) as connection:
                return await scenario(connection)

        return asyncio.run(with_connection())

    def execute(self, query: str, *parameters: object, role: Role | None = None) -> Rows:
        """Run one statement; its rows as dictionaries."""

        async def scenario(connection: Connection) -> Rows:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query, parameters)
            return await cursor.fetchall() if cursor.description else []

        return self.run(scenario, role=role)

    def add(self, readings: Iterable[Reading]) -> None:
        """Store readings as the writer does: rows, devices, and the hours that they touch."""
        found = list(readings)

        async def scenario(connection: Connection) -> None:
            async with connection.transaction():
                for kind in {type(reading) for reading in found}:
                    await _add(connection, kind, [reading for reading in found if type(reading) is kind])

        self.run(scenario)

    def maintain(self, now: datetime, retention: RetentionSettings = FOR_EVER) -> Maintained:
        """One pass of maintenance in its role; on TimescaleDB also the policies that keep continuous aggregates."""

        async def scenario(connection: Connection) -> Maintained:
            return await run_maintenance(connection, retention, now=now)

        if self.timescale:
            self.run_jobs("policy_refresh_continuous_aggregate")
        return self.run(scenario, role=Role.MAINTENANCE)

    def run_jobs(self, procedure: str) -> None:
        """Run TimescaleDB's policies of one sort now; PGlite has no background workers that would."""

        async def scenario(connection: Connection) -> None:
            jobs = await connection.execute(
                "SELECT job_id FROM timescaledb_information.jobs"
                " WHERE proc_name = %s AND hypertable_schema = 'stadtfunk' ORDER BY job_id",
                (procedure,),
            )
            for (job,) in await jobs.fetchall():
                await connection.execute(sql.SQL("CALL run_job({})").format(sql.Literal(job)))

        self.run(scenario)

    def wipe(self) -> None:
        """Empty every table that tests fill, so that the next test finds the database as migrate left it."""
        tables = [
            "rollup_touched", "late_reading", "rollup_watermark", "maintenance_task", "retention_run",
            "asset_device", "asset",
            "uplink", "reception", "payload_public", "payload_household", "device_event", "gateway_stats", "rejected",
            "device_state", "device_interval", "device", "gateway", "source",
            *RADIO_TABLES,
            "redecode_run", "redecode_part", "redecode_public", "redecode_household", "redecode_uplink",
            "redecode_rejected",
        ]  # fmt: skip
        self.run(partial(_empty, tables=[*tables, *(kind.kind for kind in KINDS)], timescale=self.timescale))


async def _empty(connection: Connection, tables: list[str], *, timescale: bool) -> None:
    """Empty these tables, the rollups and what refers to them, as far as they hold or held anything: it is dear."""
    found = await (await connection.execute(_CONCERNED, (tables,))).fetchall()
    holds = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier("stadtfunk", name))
        for name, _ in found
    )
    filled = {name for (name,) in await (await connection.execute(holds)).fetchall()}
    names = [name for name, counted in found if counted or name in filled]
    if timescale:  # a continuous aggregate has a memory of what it covers, too
        views = await connection.execute("SELECT view_name FROM timescaledb_information.continuous_aggregates")
        names += [name for (name,) in await views.fetchall()]
    identifiers = [sql.Identifier("stadtfunk", name) for name in names]
    for some in ([name] for name in identifiers) if timescale else [identifiers] * bool(identifiers):
        await connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(some)))


_CONCERNED: LiteralString = """
WITH RECURSIVE concerned AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = 'stadtfunk'::regnamespace AND relkind IN ('r', 'p')
      AND (relname = ANY(%s) OR relname LIKE '%%\\_steps' OR relname LIKE '%%\\_stored')
    UNION
    SELECT referring.oid, referring.relname FROM concerned
    JOIN pg_constraint AS reference ON reference.confrelid = concerned.oid AND reference.contype = 'f'
    JOIN pg_class AS referring ON referring.oid = reference.conrelid
    WHERE referring.relnamespace = 'stadtfunk'::regnamespace
)
SELECT relname, EXISTS (
    SELECT FROM pg_depend JOIN pg_sequence ON seqrelid = objid
    WHERE refobjid = concerned.oid AND pg_sequence_last_value(seqrelid) IS NOT NULL
) AS counted
FROM concerned ORDER BY relname
"""
"""The tables, with what refers to them; `counted`: whether one has given numbers, which must begin anew."""


async def _add(connection: Connection, kind: type[Reading], readings: list[Reading]) -> None:
    devices = sorted({reading.device for reading in readings})
    await connection.execute(
        "INSERT INTO device (dev_eui, name) SELECT e, 'device ' || e FROM unnest(%s::text[]) AS e"
        " ON CONFLICT DO NOTHING",
        (devices,),
    )
    names = [column.name for column in columns(kind) if column.quantity is not None]
    query = sql.SQL(
        "INSERT INTO {} (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, {})"
        " SELECT id, %s, %s, %s, %s, %s, 0, {} FROM device WHERE dev_eui = %s ON CONFLICT DO NOTHING"
    ).format(
        sql.Identifier(kind.kind),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Placeholder() for _ in names),
    )
    rows = [
        (r.subject, r.channel, r.observed_at, int(r.flags), r.observed_at, *(getattr(r, n) for n in names), r.device)
        for r in readings
    ]
    await connection.cursor().executemany(query, rows)
    hours = sorted({reading.observed_at.replace(minute=0, second=0) for reading in readings})
    await connection.execute(
        "INSERT INTO rollup_touched (kind, hour) SELECT %s, unnest(%s::timestamptz[])", (kind.kind, hours)
    )
