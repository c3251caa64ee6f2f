"""Retention on both databases: exact to the moment, by privacy class, with proof, and rollups outlive readings."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from decoders.readings import HeatMeter, TreeMoisture
from storage.migrate import migrate
from storage.settings import DatabaseSettings, RetentionSettings
from tests.support.store import FOR_EVER, Store

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def add_payloads(store: Store, table: str, *ages: timedelta) -> None:
    for age in ages:
        store.execute(f"INSERT INTO {table} VALUES (1, %s, 0, 'x')", NOW - age)


def count(store: Store, table: str) -> int:
    [row] = store.execute(f"SELECT count(*) AS n FROM {table}")
    return int(row["n"])


def test_payloads_of_households_go_after_14_days_and_others_stay(store: Store) -> None:
    ages = (13 * DAY, 14 * DAY, 14 * DAY + SECOND, 20 * DAY)
    add_payloads(store, "payload_household", *ages)
    add_payloads(store, "payload_public", *ages)
    assert store.maintain(NOW, RetentionSettings()).deleted == {"payload_household": 2}
    assert (count(store, "payload_household"), count(store, "payload_public")) == (2, 4)


def test_rejected_messages_go_after_30_days(store: Store) -> None:
    for number, age in enumerate((29 * DAY, 31 * DAY)):
        store.execute(
            "INSERT INTO rejected (digest, received_at, source, topic, payload, reason, detail, last_seen_at)"
            " VALUES (%s, %s, 's', 't', 'x', 'malformed', '', %s)",
            bytes([number]),
            NOW - age,
            NOW,
        )
    assert store.maintain(NOW, RetentionSettings()).deleted == {"rejected": 1}


@pytest.mark.parametrize(("kept", "left"), [(RetentionSettings(), 1), (FOR_EVER, 2)])
def test_the_log_of_late_hours_goes_with_the_readings_where_no_engine_empties_it(
    store: Store, kept: RetentionSettings, left: int
) -> None:
    for age in (89 * DAY, 91 * DAY, 400 * DAY):
        store.execute("INSERT INTO late_reading (kind, hour) VALUES ('parking_bay', %s)", NOW - age)
    assert store.maintain(NOW, kept).deleted == {"late_reading": 3 - left}
    assert count(store, "late_reading") == left


def test_every_deletion_is_recorded(store: Store) -> None:
    add_payloads(store, "payload_household", 15 * DAY, 16 * DAY)
    store.maintain(NOW, RetentionSettings())
    assert store.execute("SELECT table_name, cutoff, deleted, ran_at FROM retention_run") == [
        {"table_name": "payload_household", "cutoff": NOW - 14 * DAY, "deleted": 2, "ran_at": NOW}
    ]


def test_it_runs_once_an_hour(store: Store) -> None:
    store.maintain(NOW, RetentionSettings())
    add_payloads(store, "payload_household", 20 * DAY)
    assert store.maintain(NOW + timedelta(minutes=59), RetentionSettings()).deleted == {}
    assert store.maintain(NOW + timedelta(minutes=60), RetentionSettings()).deleted == {"payload_household": 1}


def test_nothing_that_lies_in_the_future_is_deleted(store: Store) -> None:
    add_payloads(store, "payload_household", -400 * DAY)
    assert store.maintain(NOW, RetentionSettings()).deleted == {}


@pytest.mark.parametrize("late", [False, True], ids=["untouched", "touched-again"])
def test_rollups_outlive_their_readings(store: Store, late: bool) -> None:
    old = NOW - 40 * DAY
    readings = [
        reading
        for n in range(4)
        for reading in (
            HeatMeter(device="a" * 16, observed_at=old + n * timedelta(hours=1), energy=10.0 * n),
            TreeMoisture(device="b" * 16, observed_at=old + n * timedelta(hours=1), soil_moisture=20.0),
        )
    ]
    store.add(readings)
    store.maintain(old + 2 * DAY)
    before = {view: store.execute(f"SELECT * FROM {view} ORDER BY bucket") for view in VIEWS}
    assert all(before.values())
    short = FOR_EVER.model_copy(update={"readings": 30, "readings_household": 30})
    if store.timescale:  # its policies must not look back to where readings are gone
        asyncio.run(migrate(store.settings, short))
    assert store.maintain(NOW, short).deleted == {"heat_meter": 4, "tree_moisture": 4}
    if late:  # a reading that is too old arrives: it is deleted again and costs the rollup nothing
        store.add(readings[:2])
        assert store.maintain(NOW + timedelta(hours=1), short).deleted == {"heat_meter": 1, "tree_moisture": 1}
    if store.timescale:
        asyncio.run(migrate(store.settings, FOR_EVER))
    for view, expected in before.items():
        assert store.execute(f"SELECT * FROM {view} ORDER BY bucket") == expected, view


VIEWS = ("heat_meter_hourly", "heat_meter_daily", "tree_moisture_hourly", "tree_moisture_daily")


def test_rollups_of_households_have_a_retention_of_their_own(database_settings: DatabaseSettings) -> None:
    """On TimescaleDB policies drop them by chunk: test_timescale.py."""
    store = Store(database_settings, timescale=False)
    for age in (100 * DAY, 10 * DAY):
        store.add([HeatMeter(device="a" * 16, observed_at=NOW - age, energy=1.0)])
        store.add([TreeMoisture(device="b" * 16, observed_at=NOW - age, soil_moisture=1.0)])
    store.maintain(NOW - 2 * DAY)
    store.maintain(NOW, FOR_EVER.model_copy(update={"rollups_household": 50, "readings_household": 50}))
    assert (count(store, "heat_meter_daily"), count(store, "tree_moisture_daily")) == (1, 2)
