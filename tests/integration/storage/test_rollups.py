"""Rollups, on both databases: what they say, that late data reach them, that stored and computed rows are the same."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from decoders.readings import KINDS, BayEvent, DeviceHealth, HeatMeter, ParkingBay, PeopleCount, Reading, TreeMoisture
from storage.settings import DatabaseSettings
from tests.support.store import Rows, Store

DAY = datetime(2026, 6, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def tree(at: datetime, moisture: float | None, device: str = "0000000000000001", channel: int = 0) -> TreeMoisture:
    return TreeMoisture(device=device, channel=channel, observed_at=at, soil_moisture=moisture)


def meter(at: datetime, energy: float | None, device: str = "0000000000000002", subject: str = "77") -> HeatMeter:
    return HeatMeter(device=device, subject=subject, observed_at=at, energy=energy)


def bay(at: datetime, occupied: bool | None, device: str = "0000000000000003") -> ParkingBay:
    return ParkingBay(device=device, observed_at=at, occupied=occupied)


def rows(store: Store, view: str, *names: str) -> list[tuple[Any, ...]]:
    """The named columns of `view` after its bucket, in order of time."""
    found = store.execute(f"SELECT * FROM {view} ORDER BY bucket, subject, channel")
    return [(row["bucket"], *(row[name] for name in names)) for row in found]


def every_view(store: Store, kinds: Sequence[type[Reading]] = KINDS) -> dict[str, Rows]:
    """All rollups with all their columns, in a fixed order."""
    return {
        f"{kind.kind}_{width}": store.execute(
            f"SELECT * FROM {kind.kind}_{width} ORDER BY device_id, subject, channel, bucket"
        )
        for kind in kinds
        for width in ("hourly", "daily")
    }


def test_a_gauge_has_mean_extremes_and_count(store: Store) -> None:
    store.add([tree(DAY + 5 * MINUTE, 20.1), tree(DAY + 25 * MINUTE, 20.2), tree(DAY + 45 * MINUTE, None)])
    columns = ("readings", "soil_moisture_avg", "soil_moisture_min", "soil_moisture_max", "soil_moisture_n")
    assert rows(store, "tree_moisture_hourly", *columns) == [(DAY, 3, 20.15, 20.1, 20.2, 2)]
    store.maintain(DAY + 5 * HOUR)
    assert rows(store, "tree_moisture_hourly", *columns) == [(DAY, 3, 20.15, 20.1, 20.2, 2)]


def test_a_counters_steps_add_up_across_hours_and_a_restart_begins_at_zero(store: Store) -> None:
    readings = [(5, 100.0), (65, 110.0), (125, 4.0), (185, 9.5)]
    store.add([meter(DAY + minute * MINUTE, energy) for minute, energy in readings])
    expected = [
        (DAY, 100.0, 100.0, None, None),
        (DAY + HOUR, 110.0, 110.0, 10.0, 0),
        (DAY + 2 * HOUR, 4.0, 4.0, 4.0, 1),
        (DAY + 3 * HOUR, 9.5, 9.5, 5.5, 0),
    ]
    columns = ("energy_first", "energy_last", "energy_delta", "energy_resets")
    assert rows(store, "heat_meter_hourly", *columns) == expected
    store.maintain(DAY + 48 * HOUR)
    assert rows(store, "heat_meter_hourly", *columns) == expected
    day = datetime(2026, 6, 9, 22, tzinfo=UTC)
    assert rows(store, "heat_meter_daily", *columns) == [(day, 100.0, 9.5, 19.5, 1)]


def test_a_small_fall_of_a_counter_is_a_correction(store: Store) -> None:
    store.add([meter(DAY, 100.0), meter(DAY + HOUR, 99.5), meter(DAY + 2 * HOUR, 101.0)])
    deltas = rows(store, "heat_meter_hourly", "energy_delta", "energy_resets")
    assert deltas == [(DAY, None, None), (DAY + HOUR, -0.5, 0), (DAY + 2 * HOUR, 1.5, 0)]


def test_another_meter_on_the_same_device_is_another_counter(store: Store) -> None:
    store.add([meter(DAY, 100.0, subject="77"), meter(DAY + HOUR, 5.0, subject="78")])
    assert [row[1] for row in rows(store, "heat_meter_hourly", "energy_delta")] == [None, None]


def test_a_state_lasts_through_hours_in_which_nobody_spoke(store: Store) -> None:
    store.add([bay(DAY + 50 * MINUTE, True), bay(DAY + 3 * HOUR + 10 * MINUTE, False)])
    store.maintain(DAY + 4 * HOUR)
    found = rows(store, "parking_bay_hourly", "readings", "occupied_last", "occupied_seconds")
    assert found[:4] == [
        (DAY, 1, True, {"true": 600}),
        (DAY + HOUR, 0, None, {"true": 3600}),
        (DAY + 2 * HOUR, 0, None, {"true": 3600}),
        (DAY + 3 * HOUR, 1, False, {"true": 600, "false": 3000}),
    ]


def test_a_state_is_believed_for_25_hours_without_a_word(store: Store) -> None:
    store.add([bay(DAY, True)])
    store.maintain(DAY + 72 * HOUR)
    seconds = rows(store, "parking_bay_hourly", "occupied_seconds")
    assert seconds == [(DAY + n * HOUR, {"true": 3600}) for n in range(25)]


@pytest.mark.parametrize(
    ("noon", "hours"),
    [(datetime(2026, 3, 29, 10, tzinfo=UTC), 23), (datetime(2026, 10, 25, 11, tzinfo=UTC), 25)],
    ids=["spring", "autumn"],
)
def test_a_day_is_the_citys_day_when_the_clocks_change(store: Store, noon: datetime, hours: int) -> None:
    first = noon - 72 * HOUR
    store.add([bay(first + n * HOUR, True) for n in range(144)])
    store.maintain(noon + 90 * HOUR)
    found = dict(rows(store, "parking_bay_daily", "occupied_seconds"))
    [start] = [day for day in found if day <= noon < day + timedelta(hours=hours)]
    assert found[start] == {"true": hours * 3600}
    assert start + timedelta(hours=hours) in found


def test_a_late_reading_changes_its_own_hour_and_the_next_readings_step(store: Store) -> None:
    store.add([meter(DAY, 100.0), meter(DAY + 5 * HOUR, 150.0)])
    store.maintain(DAY + 30 * HOUR)
    store.add([meter(DAY + 2 * HOUR, 120.0)])
    store.maintain(DAY + 31 * HOUR)
    deltas = rows(store, "heat_meter_hourly", "energy_delta")
    assert deltas == [(DAY, None), (DAY + 2 * HOUR, 20.0), (DAY + 5 * HOUR, 30.0)]
    [daily] = rows(store, "heat_meter_daily", "energy_delta")
    assert daily[1] == 50.0


def test_a_late_change_of_a_bay_ends_the_state_before(store: Store) -> None:
    store.add([bay(DAY, True), bay(DAY + 6 * HOUR, True)])
    store.maintain(DAY + 30 * HOUR)
    store.add([bay(DAY + 90 * MINUTE, False)])
    store.maintain(DAY + 31 * HOUR)
    seconds = rows(store, "parking_bay_hourly", "occupied_seconds")
    assert seconds[:4] == [
        (DAY, {"true": 3600}),
        (DAY + HOUR, {"true": 1800, "false": 1800}),
        (DAY + 2 * HOUR, {"false": 3600}),
        (DAY + 3 * HOUR, {"false": 3600}),
    ]
    assert seconds[6] == (DAY + 6 * HOUR, {"true": 3600})


def test_the_day_that_still_runs_adds_up_at_every_hour(store: Store) -> None:
    day = datetime(2026, 6, 9, 22, tzinfo=UTC)
    for hour in range(5):
        store.add([meter(DAY + hour * HOUR, 100.0 + 10 * hour), bay(DAY + hour * HOUR, hour % 2 == 0)])
        store.maintain(DAY + hour * HOUR + MINUTE)
        assert rows(store, "heat_meter_daily", "energy_delta") == [(day, 10.0 * hour or None)]
        occupied = dict(rows(store, "parking_bay_daily", "occupied_seconds"))[day]
        assert occupied.get("false", 0) == 3600 * (hour // 2) + (hour % 2) * 3600 * (22 - hour)
    assert rows(store, "heat_meter_daily_steps", "energy_delta") == [(day, 30.0)]
    store.add([meter(DAY + 90 * MINUTE, 113.0)])
    store.maintain(DAY + 4 * HOUR + 2 * MINUTE)
    assert rows(store, "heat_meter_daily", "energy_delta") == [(day, 40.0)]


def test_a_pass_with_nothing_new_computes_nothing(store: Store) -> None:
    store.add([tree(DAY, 20.0), bay(DAY, True)])
    assert store.maintain(DAY + 3 * HOUR).refreshed["parking_bay"] > 0
    assert set(store.maintain(DAY + 3 * HOUR + MINUTE).refreshed.values()) == {0}


def test_a_pass_while_another_process_is_at_it_does_nothing(database_settings: DatabaseSettings) -> None:
    store = Store(database_settings, timescale=False)
    with psycopg.connect(store.settings.dsn) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('stadtfunk:maintenance', 0))")
        assert store.maintain(DAY).skipped
    assert not store.maintain(DAY).skipped


def random_city(seed: int, *, start: datetime, hours: int) -> list[Reading]:
    """Readings of all kinds with gaps, restarts, empty values and bursts, in random order."""
    chance = Random(seed)
    readings: list[Reading] = []
    for number in range(4):
        device = f"{number + 1:016x}"
        energy, entered = chance.uniform(0, 1000), 0
        for hour in range(hours):
            if chance.random() < 0.2:
                continue
            at = start + hour * HOUR + chance.randrange(3600) * timedelta(seconds=1)
            energy = 0.25 if chance.random() < 0.03 else energy + chance.randrange(40) / 8
            entered += chance.randrange(10)
            value = None if chance.random() < 0.1 else round(chance.uniform(5, 45), 2)
            readings += [
                tree(at, value, device, channel=chance.randrange(2)),
                HeatMeter(
                    device=device,
                    subject=str(number),
                    observed_at=at,
                    energy=None if chance.random() < 0.1 else energy,
                    volume=energy / 64,
                    power=chance.uniform(0, 30),
                    error_code=chance.choice([None, 0, 0, 4]),
                ),
                ParkingBay(
                    device=device,
                    observed_at=at,
                    occupied=chance.choice([True, False, None]),
                    event=chance.choice([None, BayEvent.CHANGE, BayEvent.HEARTBEAT]),
                ),
                PeopleCount(device=device, observed_at=at, entered=entered, present=chance.randrange(50)),
                DeviceHealth(device=device, observed_at=at, battery_voltage=3.6, firmware=chance.choice(["1", "2"])),
            ]
    chance.shuffle(readings)
    return readings


def test_both_databases_give_the_same_rows_from_the_same_data(stores: tuple[Store, Store]) -> None:
    start = datetime(2026, 3, 27, 15, tzinfo=UTC)  # through the change to summer time
    readings = random_city(1, start=start, hours=80)
    half = len(readings) // 2
    for store in stores:
        store.add(readings[:half])
        store.maintain(start + 50 * HOUR)
        store.add(readings[half:])
        store.maintain(start + 75 * HOUR)  # five hours of live tail remain
    plain, timescale = map(every_view, stores)
    assert sum(map(len, plain.values())) > 1000
    for view, expected in plain.items():
        assert timescale[view] == expected, view


@pytest.mark.parametrize(("seed", "until"), [(2, 120), (3, 120), (4, 62)], ids=["over", "over too", "in the last day"])
def test_stored_rows_are_those_that_are_computed_live(store: Store, seed: int, until: int) -> None:
    start = datetime(2026, 10, 23, 5, tzinfo=UTC)  # through the change to winter time
    readings = random_city(seed, start=start, hours=70)
    chunk = len(readings) // 5
    live: dict[str, Rows] = {}
    for number in range(5):
        store.add(readings[number * chunk : (number + 1) * chunk if number < 4 else None])
        if number < 4:
            store.maintain(start + (number + 1) * 14 * HOUR)
    store.maintain(start + until * HOUR)
    stored = every_view(store)
    store.execute("UPDATE rollup_watermark SET stored_before = '1990-01-01'")
    for relation in store.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'stadtfunk'::regnamespace AND relkind = 'r'"
        " AND (relname LIKE '%%_steps' OR relname LIKE '%%_stored')"
    ):
        store.execute(f"TRUNCATE {relation['relname']}")
    live = every_view(store)
    for view, expected in live.items():
        assert stored[view] == expected, view
