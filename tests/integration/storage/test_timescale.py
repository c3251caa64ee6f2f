"""What only TimescaleDB has: hypertables, columnstore, policies, and late data into compressed chunks."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from decoders.readings import KINDS, HeatMeter, TreeMoisture
from storage.database import Role
from storage.migrate import migrate
from storage.settings import RetentionSettings
from storage.timescale import CORE
from tests.integration.storage.conftest import timescale_store
from tests.support.store import FOR_EVER, Store

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def timescale_only() -> Iterator[Store]:
    with timescale_store() as store:
        yield store


@pytest.fixture
def store(timescale_only: Store) -> Iterator[Store]:
    yield timescale_only
    timescale_only.wipe()


def compress_everything(store: Store, table: str) -> int:
    found = store.execute(
        "SELECT compress_chunk(c) FROM show_chunks(%s::regclass) AS c", f"stadtfunk.{table}", role=Role.OWNER
    )
    return len(found)


def test_the_big_tables_are_hypertables_with_columnstore_by_device(store: Store) -> None:
    found = store.execute(
        "SELECT hypertable_name, compression_enabled FROM timescaledb_information.hypertables"
        " WHERE hypertable_schema = 'stadtfunk'"
    )
    wanted = {table.table for table in CORE} | {kind.kind for kind in KINDS}
    assert {row["hypertable_name"] for row in found if row["compression_enabled"]} == wanted
    segments = store.execute(
        "SELECT hypertable::text AS name, segmentby FROM timescaledb_information.hypertable_columnstore_settings"
    )
    by_name = {row["name"].split(".")[-1]: row["segmentby"] for row in segments}
    assert {by_name[kind.kind] for kind in KINDS} == {"device_id"}


def test_rollups_are_continuous_aggregates_that_show_the_newest_data(store: Store) -> None:
    found = store.execute("SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates")
    names = {row["view_name"] for row in found}
    assert names == {f"{kind.kind}_{width}_parts" for kind in KINDS for width in ("hourly", "daily")}
    assert not any(row["materialized_only"] for row in found)


def test_late_data_reach_compressed_chunks_once_and_rollups_follow(store: Store) -> None:
    device = "a" * 16
    readings = [HeatMeter(device=device, observed_at=START + n * HOUR, energy=10.0 * n) for n in range(200) if n != 100]
    store.add(readings)
    store.maintain(START + 300 * HOUR)
    assert compress_everything(store, "heat_meter") >= 2
    late = HeatMeter(device=device, observed_at=START + 100 * HOUR, energy=1000.0)
    for _ in range(2):  # delivered twice, with all that was there before
        store.add([late, *readings[:150]])
    assert store.execute("SELECT count(*) AS n FROM heat_meter") == [{"n": 200}]
    store.maintain(START + 301 * HOUR)
    hours = store.execute(
        "SELECT bucket, energy_delta FROM heat_meter_hourly WHERE bucket BETWEEN %s AND %s ORDER BY bucket",
        START + 99 * HOUR,
        START + 102 * HOUR,
    )
    assert [row["energy_delta"] for row in hours] == [10.0, 10.0, 10.0, 10.0]
    assert store.execute("SELECT sum(readings) AS n FROM heat_meter_hourly") == [{"n": 200}]


def test_old_rows_of_compressed_chunks_are_deleted_exactly(store: Store) -> None:
    for n in range(72):
        store.execute("INSERT INTO payload_household VALUES (1, %s, %s, 'x')", START + n * HOUR, n)
    assert compress_everything(store, "payload_household") == 3
    now = START + 14 * 24 * HOUR + 30 * HOUR
    assert store.maintain(now, RetentionSettings()).deleted == {"payload_household": 30}
    assert store.execute("SELECT min(f_cnt) AS first, count(*) AS n FROM payload_household") == [{"first": 30, "n": 42}]


def test_twenty_thousand_rows_per_statement(store: Store) -> None:
    store.execute("INSERT INTO device (dev_eui) SELECT 'd' || n FROM generate_series(1, 500) AS n")
    for _ in range(2):
        store.execute(
            "INSERT INTO tree_moisture (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt,"
            " soil_moisture) SELECT d.id, '', 0, %s::timestamptz + n * interval '1 hour', 0, %s, 0, mod(n, 50)"
            " FROM device AS d, generate_series(0, 39) AS n ON CONFLICT DO NOTHING",
            START,
            START,
        )
    assert store.execute("SELECT count(*) AS n, count(DISTINCT device_id) AS d FROM tree_moisture") == [
        {"n": 20_000, "d": 500}
    ]


def spans(store: Store, procedure: str, key: str) -> dict[str, str | None]:
    found = store.execute(
        "SELECT hypertable_name, config ->> %s AS span FROM timescaledb_information.jobs"
        " WHERE proc_name = %s AND hypertable_schema = 'stadtfunk'",
        key,
        procedure,
    )
    return {row["hypertable_name"]: row["span"] for row in found}


def test_policies_follow_the_configuration_and_stay_when_it_does(store: Store) -> None:
    asyncio.run(migrate(store.settings, RetentionSettings()))
    first = store.execute("SELECT max(job_id) AS newest FROM timescaledb_information.jobs")
    assert spans(store, "policy_compression", "compress_after")["uplink"] == "7 days"
    dropped = spans(store, "policy_retention", "drop_after")
    assert (dropped["payload_household"], dropped["heat_meter"]) == ("14 days", "1095 days")
    assert "tree_moisture" not in dropped
    assert spans(store, "policy_refresh_continuous_aggregate", "start_offset")["heat_meter_daily_parts"] == "1094 days"
    asyncio.run(migrate(store.settings, RetentionSettings()))
    assert store.execute("SELECT max(job_id) AS newest FROM timescaledb_information.jobs") == first

    asyncio.run(migrate(store.settings, FOR_EVER.model_copy(update={"payload_household": 7, "compress_after": 10})))
    assert spans(store, "policy_retention", "drop_after") == {"payload_household": "7 days"}
    assert set(spans(store, "policy_compression", "compress_after").values()) == {"10 days"}
    asyncio.run(migrate(store.settings, FOR_EVER))


def test_the_policies_run(store: Store) -> None:
    """Run as the server would run them, with ages measured from the real clock."""
    now = datetime.now(UTC)
    for days in (1, 20):
        store.execute("INSERT INTO payload_household VALUES (1, %s, 0, 'x')", now - timedelta(days=days))
        store.add([TreeMoisture(device="e" * 16, observed_at=now - timedelta(days=days), soil_moisture=20.0)])
    store.run_jobs("policy_retention")
    assert store.execute("SELECT count(*) AS n FROM payload_household") == [{"n": 1}]
    store.run_jobs("policy_compression")
    chunks = store.execute(
        "SELECT is_compressed FROM timescaledb_information.chunks WHERE hypertable_name = 'tree_moisture'"
        " ORDER BY range_start"
    )
    assert [row["is_compressed"] for row in chunks] == [True, False]


def test_everything_of_ours_belongs_to_the_owner_role(store: Store) -> None:
    owners = store.execute(
        "SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class"
        " WHERE relnamespace = 'stadtfunk'::regnamespace AND relkind IN ('r', 'v', 'm')"
    )
    assert owners == [{"owner": Role.OWNER.value}]
    jobs = store.execute(
        "SELECT DISTINCT owner::text AS owner FROM timescaledb_information.jobs WHERE hypertable_schema = 'stadtfunk'"
    )
    assert jobs == [{"owner": Role.OWNER.value}]
