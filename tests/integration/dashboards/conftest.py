"""`cities`: the same demo city on plain PostgreSQL and on TimescaleDB, filled once for all tests of this folder."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from dashboards.demo_data import fill
from dashboards.expansion import Range
from decoders.readings import KINDS, Reading, quantities
from decoders.uplink import Privacy
from stadtfunk.demo.settings import DemoSettings, HeatSettings, NetworkSettings, TreeSettings
from storage.database import Connection, Role
from storage.kinds import sql_type
from storage.maintenance import Maintained, run_maintenance
from storage.migrate import migrate
from storage.settings import DatabaseSettings
from tests.support.panels import GRAFANA_ROLE
from tests.support.postgres import PostgresServer, fresh_database
from tests.support.store import FOR_EVER, Store
from tests.support.timescale import private_timescale
from tests.unit.dashboards.made_up import RiverGauge

EVERY_KIND = (*KINDS, RiverGauge)
WIDTHS = {"6h": timedelta(hours=6), "5d": timedelta(days=5), "30d": timedelta(days=30)}
HISTORY = timedelta(days=1.5)
_COPIED = 4_000
_OWN_OF_EACH = frozenset({"schema_migration", "installation", "kind_version", "kind_views", "writer_turn"})
_COMPUTED = "(_stored|_steps)$|^radio_|^rollup_watermark$|^maintenance_task$|^payload_"
SAMPLE_METERS = 5
_OWN_SAMPLES: dict[str, tuple[object, ...]] = {
    "boolean": (True, False),
    "text": ("one", "two"),
    "bigint": (3, 5),
    "double precision": (1.5, 2.25),
    "timestamptz": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
}


class City:
    """One database, and sessions as Grafana has them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = "timescaledb" if store.timescale else "postgresql"

    def session(self) -> psycopg.Connection:
        """What Grafana may do, and nothing else; PGlite serves one session at a time."""
        connection = psycopg.connect(self.store.settings.dsn, autocommit=True)
        connection.execute(f"SET ROLE {GRAFANA_ROLE}")
        connection.execute("SET default_transaction_read_only = on")
        connection.execute("SET search_path = pg_catalog")
        connection.execute("SET jit = off")
        return connection


@pytest.fixture(scope="session")
def now() -> datetime:
    """The end of the city's past: a whole hour, so that it is the same in every test."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture(scope="session")
def spans(now: datetime) -> dict[str, Range]:
    """A range for each sort of relation that panels read: readings, hourly, daily rollups."""
    return {name: Range(now - width, now) for name, width in WIDTHS.items()}


@pytest.fixture(scope="session")
def plain_city(postgres: PostgresServer, now: datetime) -> Iterator[City]:
    with fresh_database(postgres) as dsn:
        store = Store(DatabaseSettings(dsn=dsn), timescale=False)
        asyncio.run(migrate(store.settings, FOR_EVER, kinds=EVERY_KIND))
        _reject_long_ago(store, now)
        fill(store.settings, _settings(now), begin=now - HISTORY, end=now)
        _let_a_tree_fall_silent(store, now)
        _add_samples(store, now)
        _maintain(store, now)
        yield City(store)


@pytest.fixture(scope="session")
def timescale_city(plain_city: City, now: datetime) -> Iterator[City]:
    with private_timescale() as dsn:
        store = Store(DatabaseSettings(dsn=dsn), timescale=True)
        asyncio.run(migrate(store.settings, FOR_EVER, kinds=EVERY_KIND))
        _copy(plain_city.store, store)
        store.run_jobs("policy_refresh_continuous_aggregate")
        _maintain(store, now)
        yield City(store)


@pytest.fixture(scope="session")
def cities(plain_city: City, timescale_city: City) -> dict[str, City]:
    return {city.name: city for city in (plain_city, timescale_city)}


@pytest.fixture(scope="session")
def empty_city(postgres: PostgresServer, migrated_template: str) -> Iterator[City]:
    """A city on its first day: the schema, and nothing in it."""
    with fresh_database(postgres, migrated_template) as dsn:
        yield City(Store(DatabaseSettings(dsn=dsn), timescale=False))


def _settings(now: datetime) -> DemoSettings:
    return DemoSettings(
        seed=7,
        started_at=(now,),
        installed_on=(now - timedelta(days=12)).date(),
        trees=TreeSettings(trees=12, uplinks_per_day_in_winter=24),
        heat=HeatSettings(meters=60, uplinks_per_day=12),
        network=NetworkSettings(history_stats_seconds=3600),
    )


def _add_samples(store: Store, now: datetime) -> None:
    """Readings with every quantity of each kind, even those that no device of the demo measures."""
    for first, kind in enumerate(EVERY_KIND, start=0xD0):
        devices = [f"{first:02x}{number:014x}" for number in range(SAMPLE_METERS)]
        store.add(
            kind(
                device=device,
                observed_at=now - timedelta(minutes=55 + 60 * hour),
                **{name: _sample(kind, name, hour % 2) for name in quantities(kind)},
            )
            for device in devices
            for hour in range(30)
        )
        if kind.privacy is Privacy.HOUSEHOLD:
            store.execute(_BIND_METERS, devices)


_BIND_METERS = """
WITH meter AS (
    INSERT INTO asset (kind, key, district) SELECT 'meter', unnest(%s::text[]), 'Probestadt' RETURNING id, key
)
INSERT INTO asset_device (asset_id, device_id) SELECT m.id, d.id FROM meter AS m JOIN device AS d ON d.dev_eui = m.key
"""


def _sample(kind: type[Reading], name: str, index: int) -> object:
    """One of two values; of an enumeration one of its words."""
    field = kind.model_fields[name]
    words = [
        word for part in getattr(field.annotation, "__args__", ()) for word in getattr(part, "__members__", {}).values()
    ]
    if words:
        return words[index]
    return _OWN_SAMPLES[sql_type(field.annotation)][index]


def _reject_long_ago(store: Store, now: datetime) -> None:
    """A message whose time is over, so that maintenance has something to delete and to prove."""
    store.execute(
        "INSERT INTO rejected (digest, received_at, source, topic, payload, reason, detail, last_seen_at)"
        " VALUES ('old', %s, 'mainz', 't', 'x', 'malformed', '', %s)",
        now - timedelta(days=40),
        now - timedelta(days=40),
    )


def _let_a_tree_fall_silent(store: Store, now: datetime) -> None:
    """One of the city's own devices has said nothing for longer than any may."""
    store.execute(
        "UPDATE device_state SET last_received_at = %s WHERE device_id = ("
        "SELECT min(b.device_id) FROM asset_device AS b JOIN asset AS a ON a.id = b.asset_id WHERE a.kind = 'tree')",
        now - timedelta(days=4),
    )


def _maintain(store: Store, now: datetime) -> None:
    async def scenario(connection: Connection) -> Maintained:
        return await run_maintenance(connection, FOR_EVER, now=now, kinds=EVERY_KIND)

    store.run(scenario, role=Role.MAINTENANCE)


def _copy(source: Store, target: Store) -> None:
    """Every row of one database into the other; what follows from them is computed there."""
    with psycopg.connect(source.settings.dsn) as reader, psycopg.connect(target.settings.dsn) as writer:
        for table in _tables(reader):
            if _has_rows(writer, table):
                continue  # a migration put them there
            for rows in _blocks(reader, table):
                writer.execute(
                    sql.SQL(
                        "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::{0}, %s)"
                        " ON CONFLICT DO NOTHING"
                    ).format(table),
                    (Jsonb(rows),),
                )
        writer.execute("DELETE FROM stadtfunk.binding_changed")
        for kind in EVERY_KIND:
            _touch(writer, kind.kind, sql.Identifier("stadtfunk", kind.kind), "observed_at")
        _touch(writer, "radio", sql.Identifier("stadtfunk", "uplink"), "ns_time")


def _tables(connection: psycopg.Connection) -> list[sql.Identifier]:
    """Tables in an order in which each refers to those before it; stored rollups are not among them."""
    found = connection.execute(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'stadtfunk'::regnamespace AND c.relkind = 'r'"
        " AND c.relname !~ %s ORDER BY c.oid",
        (_COMPUTED,),
    ).fetchall()
    return [sql.Identifier("stadtfunk", name) for (name,) in found if name not in _OWN_OF_EACH]


def _touch(connection: psycopg.Connection, kind: str, table: sql.Identifier, time: str) -> None:
    """What the writer notes with every batch, so that maintenance computes the steps of these hours."""
    connection.execute(
        sql.SQL(
            "INSERT INTO stadtfunk.rollup_touched (kind, hour) SELECT DISTINCT {}, date_trunc('hour', {}) FROM {}"
        ).format(sql.Literal(kind), sql.Identifier(time), table)
    )


def _has_rows(connection: psycopg.Connection, table: sql.Identifier) -> bool:
    return connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(table)).fetchone() is not None


def _blocks(connection: psycopg.Connection, table: sql.Identifier) -> Iterator[list[object]]:
    cursor = connection.execute(sql.SQL("SELECT to_jsonb(t) FROM {} AS t").format(table))
    while rows := cursor.fetchmany(_COPIED):
        yield [row for (row,) in rows]
