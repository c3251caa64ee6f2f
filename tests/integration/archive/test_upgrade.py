"""From the schema of the landing before (0001–0013) to today's: in place, and through an archive."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from decoders.readings import KINDS
from stadtfunk.instance import Instance, WrongSchema
from storage.archive.export import export_archive
from storage.archive.load import import_archive
from storage.archive.manifest import ArchiveRefused, Refusal
from storage.database import connect
from storage.kinds import columns
from storage.migrate import Migration, found, migrate, migrations, pending
from storage.settings import DatabaseSettings
from tests.integration.archive.city import TREE, contents, record, write
from tests.integration.storage.test_migrate import DAY, HOUR, Noise, NoiseGrown, maintain
from tests.support.postgres import PostgresServer, fresh_database
from tests.support.store import FOR_EVER, Store
from tests.support.timescale import private_timescale

BEFORE = 13
"""The newest migration of the landing before."""

ROWS = """
INSERT INTO source (name) VALUES ('city');
INSERT INTO gateway (gateway_id) VALUES ('00a1');
INSERT INTO device (dev_eui, tags) VALUES ('70b3d50000000001', '{"a": 1}'), ('70b3d50000000002', '{}');
INSERT INTO decoder_version (name, version) VALUES ('acme', 1);
INSERT INTO uplink SELECT d.id, t, extract(epoch FROM t) / 1200, 1, 1, 2, 0, 3, 4, 868100000, 'decoded', 'SF9BW125',
    '01', t, t FROM device AS d, generate_series('2026-10-01T00:00Z'::timestamptz, '2026-10-02T00:00Z', '20 min') AS t;
INSERT INTO reception SELECT ns_time, device_id, f_cnt, 1, 0, 0, -100, 5 FROM uplink;
INSERT INTO payload_public SELECT device_id, ns_time, f_cnt, '\\x00ff' FROM uplink;
INSERT INTO tree_moisture (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, soil_moisture)
    SELECT device_id, '', 0, ns_time, 0, ns_time, f_cnt, 20.5 FROM uplink WHERE device_id = 1;
INSERT INTO asset (kind, key) VALUES ('tree', 'B-1');
INSERT INTO asset_device (asset_id, device_id) VALUES (1, 1);
INSERT INTO evse (evse_key, evse_id) VALUES ('DEMZXE1', 'DE*MZX*E1');
INSERT INTO evse_status (evse_id, at, received_at, source, status) VALUES (1, now(), now(), 'ocpi', 'IDLE');
INSERT INTO alert (number, rule, rule_version, subject, subject_kind, occurrence, code, codes, severity, confidence,
    state, since, due_at, opened_at, updated_at)
    VALUES ('2026-1', 'r', '1', 'B-1', 'tree', '1', 'C', '{C}', 'info', 90, 'open', now(), now(), now(), now());
INSERT INTO portal_token VALUES ('bi', '\\x00', 'reader', '{}', false, now(), now(), NULL)
"""
NAMES = (
    "device", "uplink", "reception", "payload_public", "tree_moisture", "asset_device", "evse_status", "alert",
    "portal_token",
)  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """A kind as the landing before had it: all columns of today's."""

    columns: dict[str, str]
    version: int = 1
    applied_at: datetime = datetime(2026, 10, 1, tzinfo=UTC)


def make_before(settings: DatabaseSettings) -> None:
    """A database as the landing before leaves it, with some rows."""
    kinds = [(kind, Recorded({column.name: column.sql_type for column in columns(kind)})) for kind in KINDS]

    async def scenario() -> None:
        await found(settings, migrations()[:BEFORE], kinds)
        async with await connect(settings) as connection:
            for statement in ROWS.split(";\n"):
                await connection.execute(statement)

    asyncio.run(scenario())


@pytest.fixture(params=["postgresql", "timescaledb"])
def before(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Store]:
    """Either database as the landing before left it."""
    timescale = request.param == "timescaledb"
    with private_timescale() if timescale else fresh_database(postgres) as dsn:
        store = Store(DatabaseSettings(dsn=dsn), timescale=timescale)
        make_before(store.settings)
        yield store


def kept(store: Store) -> dict[str, tuple[int, str]]:
    found = contents(store)
    return {name: found[name] for name in NAMES}


def test_the_previous_schema_is_migrated_with_its_rows(before: Store) -> None:
    rows = kept(before)
    assert rows["uplink"][0] == 146
    done = asyncio.run(migrate(before.settings, FOR_EVER))
    assert done.migrations == tuple(f"{one.version:04}_{one.name}" for one in migrations()[BEFORE:])
    assert kept(before) == rows
    hours = before.execute("SELECT readings, soil_moisture_avg FROM v_tree_moisture_hourly ORDER BY bucket")
    assert hours[0] == {"readings": 3, "soil_moisture_avg": 20.5}
    assert [row["key"] for row in before.execute("SELECT key FROM v_asset_state")] == ["B-1"]
    before.maintain(datetime(2026, 10, 3, tzinfo=UTC))
    assert before.execute("SELECT sum(frames) AS frames FROM radio_hourly") == [{"frames": 146}]
    [fresh] = write(before, [record(TREE, 1)])
    assert fresh.uplinks == 1


def test_an_archive_of_the_previous_schema_is_loaded_and_migrated(
    before: Store, empty_database: str, tmp_path: Path
) -> None:
    path = tmp_path / "before.zip"
    manifest = asyncio.run(export_archive(before.settings, path))
    assert manifest.schema_version == BEFORE
    target = Store(DatabaseSettings(dsn=empty_database), timescale=False)
    asyncio.run(import_archive(target.settings, path, FOR_EVER))
    assert kept(target) == kept(before)
    assert target.run(pending) == ()
    assert target.execute("SELECT count(*) AS n FROM v_tree_moisture_hourly WHERE readings > 0") == [{"n": 25}]
    assert target.execute("SELECT count(*) AS n FROM soil_class") == [{"n": 13}]


def test_tables_that_are_ahead_of_the_archive_are_refused(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    path = tmp_path / "before.zip"
    with fresh_database(postgres) as dsn:
        make_before(DatabaseSettings(dsn=dsn))
        asyncio.run(export_archive(DatabaseSettings(dsn=dsn), path))
    with pytest.raises(ArchiveRefused) as refusal:
        asyncio.run(import_archive(DatabaseSettings(dsn=database), path, FOR_EVER))
    assert refusal.value.reason is Refusal.OTHER_SCHEMA


def test_an_older_program_does_not_start_on_a_newer_schema(database_settings: DatabaseSettings) -> None:
    newer = Migration(len(migrations()) + 1, "future", "SELECT 1")
    connector = partial(connect, database_settings)

    async def start_and_be_overtaken() -> None:
        running = Instance(["a"], connector)
        await running.claim()
        await migrate(database_settings, numbered=[*migrations(), newer])
        await running.release()
        await running.claim()  # an older service that runs goes on through the rest of the upgrade
        await running.release()
        with pytest.raises(WrongSchema, match=r"00\d\d_future.*newer Stadtfunk"):
            await Instance(["b"], connector).claim()

    asyncio.run(start_and_be_overtaken())
    with pytest.raises(ArchiveRefused) as refusal:
        asyncio.run(export_archive(database_settings, Path("never.zip")))
    assert refusal.value.reason is Refusal.UNKNOWN_SCHEMA


def test_a_kind_that_grew_comes_with_its_versions(postgres: PostgresServer, target: Store, tmp_path: Path) -> None:
    path, grown = tmp_path / "grown.zip", (*KINDS, NoiseGrown)
    with fresh_database(postgres) as dsn:
        store = Store(DatabaseSettings(dsn=dsn), timescale=False)
        asyncio.run(migrate(store.settings, kinds=(*KINDS, Noise)))
        store.add([Noise(device="a" * 16, observed_at=DAY + n * HOUR, level=50.0 + n) for n in range(3)])
        maintain(store, DAY + 48 * HOUR, (*KINDS, Noise))
        asyncio.run(migrate(store.settings, kinds=grown))
        store.add([NoiseGrown(device="a" * 16, observed_at=DAY + 72 * HOUR, level=60.0, peak=70.0, events=5)])
        maintain(store, DAY + 120 * HOUR, grown)
        asyncio.run(export_archive(store.settings, path, kinds=grown))
        expected = [store.execute(query) for query in NOISE]
    asyncio.run(import_archive(target.settings, path, FOR_EVER, kinds=grown))
    assert [target.execute(query) for query in NOISE] == expected
    assert [row["version"] for row in expected[0]] == [1, 2]
    with pytest.raises(ArchiveRefused) as refusal:
        asyncio.run(import_archive(target.settings, path, FOR_EVER))
    assert (refusal.value.reason, refusal.value.detail) == (Refusal.UNKNOWN_KIND, "noise")


NOISE = (
    "SELECT version, columns, applied_at FROM kind_version WHERE kind = 'noise' ORDER BY version",
    "SELECT * FROM noise_hourly ORDER BY bucket",
    "SELECT * FROM noise_daily_parts_2_stored ORDER BY bucket",
)
