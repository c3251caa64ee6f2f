"""What departments' views say, against numbers computed by hand, on both databases and as the role of dashboards."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from alerts.charging.status import EvseState
from alerts.parking.settings import Timers
from alerts.parking.verdict import Code
from alerts.statistics.cases import DISMISSED
from decoders.readings import BayEvent, HeatMeter, ParkingBay, QualityFlag, TreeMoisture
from storage import views
from storage.database import Role
from storage.migrate import migrate
from tests.integration.statistics.city import add_case
from tests.support.store import FOR_EVER, Rows, Store

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.astimezone(BERLIN).replace(hour=0, minute=0, second=0)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def local(days_ago: int, hour: int, minute: int = 0) -> datetime:
    """A time of day in the city."""
    day = TODAY.date() - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def quiet_day() -> int:
    """A day some days ago (and with it the next) on which no clock changes, so that hours can be counted by hand."""
    for days_ago in range(5, 9):
        if local(days_ago - 2, 0) - local(days_ago, 0) == 48 * HOUR:
            return days_ago
    raise AssertionError


@pytest.fixture
def store(migrated: Store) -> Iterator[Store]:
    yield migrated
    migrated.wipe()
    migrated.execute("TRUNCATE alert, alert_event, evse, evse_contact, device_interval RESTART IDENTITY CASCADE")


def add_asset(
    store: Store, kind: str, key: str, *devices: str, district: str = "Mitte", attributes: Mapping[str, object] = {}
) -> None:
    store.execute(
        "INSERT INTO asset (kind, key, name, district, latitude, longitude, attributes)"
        " VALUES (%s, %s, %s, %s, 50, 8.2, %s)",
        kind,
        key,
        f"{kind} {key}",
        district,
        Jsonb(attributes),
    )
    for device in devices:
        store.execute("INSERT INTO device (dev_eui) VALUES (%s) ON CONFLICT DO NOTHING", device)
        store.execute(
            "INSERT INTO asset_device (asset_id, device_id)"
            " SELECT a.id, d.id FROM asset AS a, device AS d WHERE a.kind = %s AND a.key = %s AND d.dev_eui = %s",
            kind,
            key,
            device,
        )


def eui(number: int) -> str:
    return f"{number:016x}"


def seen(store: Store, query: str, *parameters: object) -> Rows:
    """Rows as dashboards see them."""
    return store.execute(query, *parameters, role=Role.GRAFANA)


# ---- what they rest on -----------------------------------------------------------------------------------


def test_times_and_words_are_those_of_the_alert_engine() -> None:
    assert (Timers().occupancy_stale, Timers().evse_stale) == (views.OCCUPANCY_STALE, views.EVSE_STALE)
    assert set(views.CASE_CODES) == set(Code)
    assert set(views.DISMISSED) == DISMISSED
    assert {EvseState.IN_USE, EvseState.FULL} == {state for state in EvseState if state.charging}


def test_views_are_made_again_when_those_that_they_read_change(store: Store) -> None:
    add_asset(store, "tree", "B-1", eui(1))
    store.execute("UPDATE kind_views SET checksum = 'of an older version'")
    store.execute("CREATE VIEW v_that_was AS SELECT * FROM v_tree_map")
    store.execute("COMMENT ON VIEW v_that_was IS 'made by Stadtfunk from views_trees'")
    asyncio.run(migrate(store.settings, FOR_EVER))
    assert store.execute("SELECT to_regclass('v_that_was') AS name") == [{"name": None}]
    assert [row["tree"] for row in seen(store, "SELECT tree FROM v_tree_map")] == ["B-1"]
    assert seen(store, "SELECT * FROM v_heat_day") == []


def test_no_column_names_a_person_a_device_of_a_household_or_evidence(store: Store) -> None:
    shown = [name for file in views.FILES for name in file.shown]
    found = store.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY (%s)", shown
    )
    assert {row["table_name"] for row in found} == set(shown)
    columns = {row["column_name"] for row in found}
    assert columns.isdisjoint({"assignee", "actor", "created_by", "facts", "evidence", "asset_id", "device_id"})
    of_heat = {row["column_name"] for row in found if row["table_name"].startswith("v_heat_")}
    assert of_heat.isdisjoint({"dev_eui", "device_name", "subject", "asset_key", "latitude", "longitude"})


# ---- trees -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soil", "expected"),
    [
        ("sand", (14.4, 6.5, 3.1, 1.4)),
        ("loam", (53.8, 40.5, 30.5, 22.3)),
        ("silt loam", (65.8, 52.9, 42.2, 32.6)),
        ("clay", (85.3, 77.1, 68.4, 58.8)),
    ],
)
def test_usable_water_is_that_of_the_tables(store: Store, soil: str, expected: tuple[float, ...]) -> None:
    found = store.execute(
        "SELECT t.kpa, 100 * (w.water - c.wilting) / (c.capacity - c.wilting) AS usable,"
        " soil_tension(w.water, c.residual, c.saturated, c.alpha, c.n) AS back, w.water - c.residual AS left"
        " FROM soil_class AS c, unnest(ARRAY[20, 32, 50, 80]::double precision[]) AS t (kpa)"
        " CROSS JOIN LATERAL (SELECT soil_water(t.kpa, c.residual, c.saturated, c.alpha, c.n) AS water) AS w"
        " WHERE c.name = %s ORDER BY t.kpa",
        soil,
    )
    assert [round(row["usable"], 1) for row in found] == list(expected)
    assert [row["back"] for row in found] == [
        pytest.approx(row["kpa"] if row["left"] >= 0.005 else 100) for row in found
    ]


def tree(standing_year: int, *, soil: str = "loam", **more: object) -> dict[str, object]:
    return {"standing_year": standing_year, "soil": soil, "species": "Acer platanoides", **more}


def tension(device: int, channel: int, *values: tuple[datetime, float], **more: object) -> list[TreeMoisture]:
    return [
        TreeMoisture(device=eui(device), channel=channel, observed_at=at, soil_tension=value, **more)
        for at, value in values
    ]


def just_now(value: float) -> list[tuple[datetime, float]]:
    return [(NOW - n * 10 * MINUTE, value) for n in range(1, 4)]


def test_trees_are_ranked_by_how_far_they_are_above_what_asks_for_water(store: Store) -> None:
    depths = {eui(2): [30, 60, 90]}
    add_asset(store, "tree", "young", eui(1), attributes=tree(2))
    add_asset(store, "tree", "six", eui(2), attributes=tree(6, depths_cm=depths))
    add_asset(store, "tree", "old", eui(3), attributes=tree(12, depths_cm={eui(3): [30, 60]}))
    add_asset(store, "tree", "frozen", eui(4), attributes=tree(1, soil="tree substrate"))
    add_asset(store, "tree", "silent", eui(5), attributes=tree(1))
    days = [(local(ago, 12), value) for ago, value in ((5, 20.0), (4, 40.0), (3, 50.0), (2, 60.0), (1, 70.0))]
    store.add(
        [
            *tension(1, 0, *days, *just_now(70)),
            *tension(2, 0, *just_now(90)),
            *tension(2, 1, *just_now(60)),
            *tension(2, 2, *just_now(20)),
            *tension(3, 0, *just_now(100)),
            *tension(3, 1, *just_now(79)),
            *tension(4, 0, *just_now(150), soil_temperature=0.5),
            *tension(5, 0, (NOW - 26 * HOUR, 199.0)),
        ]
    )
    found = seen(store, "SELECT * FROM v_tree_drought ORDER BY place")
    assert [(row["place"], row["tree"], row["depth_cm"]) for row in found] == [
        (1, "young", None),
        (2, "old", 60),
        (3, "six", 60),
        (4, "frozen", None),
        (5, "silent", None),
    ]
    by = {row["tree"]: row for row in found}
    assert {name: row["trigger_tension"] for name, row in by.items()} == {
        "young": 35, "six": 65, "old": 80, "frozen": 15, "silent": 20,
    }  # fmt: skip
    assert by["young"]["percent_of_trigger"] == pytest.approx(200)
    assert by["six"]["percent_of_trigger"] == pytest.approx(100 * 60 / 65)
    assert {name: row["thirsty"] for name, row in by.items()} == {
        "young": True, "six": False, "old": False, "frozen": False, "silent": False,
    }  # fmt: skip
    assert {name: row["state"] for name, row in by.items()} == {
        "young": "moderate", "six": "moderate", "old": "moderate", "frozen": "frozen", "silent": "silent",
    }  # fmt: skip
    per_day: dict[datetime, list[float]] = {}
    for at, value in [*days, *just_now(70)]:
        per_day.setdefault(at.astimezone(BERLIN).replace(hour=0, minute=0, second=0), []).append(value)
    assert by["young"]["days_above"] == len(per_day) - 1
    numbers = [day.timestamp() / 86400 for day in per_day]
    slope = np.polyfit(numbers, [np.mean(values) for values in per_day.values()], 1)[0]
    assert by["young"]["trend"] == pytest.approx(slope)


def test_an_old_tree_is_thirsty_only_when_two_depths_are_dry(store: Store) -> None:
    add_asset(store, "tree", "old", eui(3), attributes=tree(12, depths_cm={eui(3): [30, 60]}))
    store.add([*tension(3, 0, *just_now(81)), *tension(3, 1, *just_now(85))])
    assert seen(store, "SELECT thirsty, probes FROM v_tree_drought") == [{"thirsty": True, "probes": 2}]


def test_a_tree_without_a_probe_is_as_dry_as_the_tree_of_its_group(store: Store) -> None:
    add_asset(store, "tree", "sensored", eui(1), attributes=tree(2, group="sensored"))
    add_asset(store, "tree", "member", attributes=tree(2, group="sensored"))
    add_asset(store, "tree", "lonely", attributes=tree(2))
    store.add(tension(1, 0, *just_now(85)))
    found = seen(store, "SELECT tree, state, tension, stands_for FROM v_tree_map ORDER BY tree")
    assert found == [
        {"tree": "lonely", "state": "no_sensor", "tension": None, "stands_for": ""},
        {"tree": "member", "state": "critical", "tension": 85.0, "stands_for": "sensored"},
        {"tree": "sensored", "state": "critical", "tension": 85.0, "stands_for": ""},
    ]


def test_tension_follows_from_moisture_and_soil_where_none_is_measured(store: Store) -> None:
    add_asset(store, "tree", "B-1", eui(1), attributes=tree(2))
    store.add([TreeMoisture(device=eui(1), observed_at=local(1, 12), soil_moisture=16.6)])
    for view in ("v_tree_reading", "v_tree_hour", "v_tree_day"):
        [row] = seen(store, f"SELECT tension, usable, measured FROM {view}")
        assert (round(row["tension"]), round(row["usable"]), row["measured"]) == (32, 41, False)


def test_probes_that_disagree_are_silent_or_stuck_are_told_with_their_reason(store: Store) -> None:
    for number in range(1, 8):
        add_asset(store, "tree", f"B-{number}", eui(number), attributes=tree(2))
    add_asset(store, "tree", "B-8", eui(8), attributes=tree(2))
    store.add(
        TreeMoisture(
            device=eui(number),
            observed_at=local(ago, 8 + slot),
            soil_moisture=(40.0 if number == 7 else 20.0) + (0.0 if number == 6 else slot / 10),
        )
        for number in range(1, 8)
        for ago in range(1, 19)
        for slot in range(3)
    )
    store.add(
        TreeMoisture(device=eui(number), observed_at=NOW - minutes * MINUTE, soil_moisture=moisture, flags=flags)
        for number, moisture, flags in ((2, 1.0, QualityFlag(0)), (3, None, QualityFlag.SENSOR_FAULT))
        for minutes in (5, 15, 25)
    )
    found = seen(store, "SELECT tree, reason, amount FROM v_tree_doubt ORDER BY tree, reason")
    doubts = {(row["tree"], row["reason"]) for row in found if row["reason"] != "silent"}
    assert doubts == {
        ("B-2", "air_gap"), ("B-3", "fault"), ("B-6", "stuck"), ("B-7", "drifts"), ("B-8", "never_heard"),
    }  # fmt: skip
    assert {row["tree"] for row in found if row["reason"] == "silent"}.isdisjoint({"B-2", "B-3", "B-8"})
    [drift] = [row for row in found if row["reason"] == "drifts"]
    assert drift["amount"] == 18


# ---- heat ------------------------------------------------------------------------------------------------


def heat(number: int, at: datetime, energy: float, **more: object) -> HeatMeter:
    return HeatMeter(device=eui(number), subject=f"M{number}", observed_at=at, energy=energy, **more)


def test_districts_of_heat_are_added_up_and_small_groups_are_not_shown(store: Store) -> None:
    for number in range(1, 10):
        add_asset(store, "meter", f"FW-{number}", eui(number), district="Mitte" if number <= 5 else "Nord")
    ago = quiet_day()
    for number in range(1, 10):
        warm = {"flow_temperature": 80.0, "return_temperature": 45.0 + 2 * number}
        store.add(
            [
                heat(number, local(ago, 10), 100.0, volume=10.0, **(warm if number != 5 else {})),
                heat(number, local(ago, 20), 110.0, volume=10.25, **(warm if number != 5 else {})),
                heat(number, local(ago - 1, 10), 130.0 + number, volume=11.0, power=2.0, error_code=4, **warm),
            ]
        )
    store.maintain(NOW)
    energy = seen(store, "SELECT time, district, meters, energy, volume, spread FROM v_heat_energy ORDER BY time")
    assert [(row["time"], row["district"], row["meters"], row["energy"]) for row in energy] == [
        (local(ago, 0), "Mitte", 5, 50.0),
        (local(ago - 1, 0), "Mitte", 5, 115.0),
    ]
    assert energy[0]["spread"] == pytest.approx(50 / (1.143 * 1.25))
    first, second = seen(store, "SELECT * FROM v_heat_day ORDER BY time")
    assert (first["district"], first["meters"], first["return_temperature"], first["high_return"]) == (
        "Mitte", 5, None, None,
    )  # fmt: skip
    assert (second["return_temperature"], second["spread"], second["high_return"]) == (51.0, 29.0, 3)
    assert second["return_deviation"] == pytest.approx(np.std([47, 49, 51, 53, 55]))
    assert second["with_error"] == 5
    hours = seen(store, "SELECT time, district, power FROM v_heat_hour WHERE power IS NOT NULL")
    assert hours == [{"time": local(ago - 1, 10), "district": "Mitte", "power": 10.0}]


def test_the_read_rate_counts_the_meters_that_are_known(store: Store) -> None:
    for number in range(1, 8):
        add_asset(store, "meter", f"FW-{number}", eui(number))
    for number in range(8, 12):
        add_asset(store, "meter", f"FW-{number}", eui(number), district="Nord")
    store.add([heat(number, NOW - HOUR, 1.0, error_code=256) for number in (1, 2, 3, 8, 9, 10, 11)])
    store.add([heat(4, NOW - timedelta(days=4), 1.0), heat(5, NOW - timedelta(days=60), 1.0)])
    [row] = seen(store, "SELECT * FROM v_heat_reading")
    assert (row["district"], row["meters"], row["read_day"], row["read_month"]) == ("Mitte", 7, 3, 4)
    assert float(row["day_rate"]) == pytest.approx(300 / 7)
    assert seen(store, "SELECT code, meters FROM v_heat_error") == [{"code": 256, "meters": 7}]
    rates = seen(store, "SELECT district, sum(meters_read) AS n, min(meters) AS known FROM v_heat_read_day GROUP BY 1")
    assert [(row["district"], row["n"], row["known"]) for row in rates] == [("Mitte", 5, 7)]


def test_a_meter_whose_device_was_changed_is_one_meter(store: Store) -> None:
    ago = quiet_day()
    for number in range(1, 5):
        add_asset(store, "meter", f"FW-{number}", eui(number))
    store.execute("UPDATE asset_device SET valid_to = %s WHERE asset_id = (SELECT min(id) FROM asset)", local(ago, 12))
    store.execute("INSERT INTO device (dev_eui) VALUES (%s)", eui(9))
    store.execute(
        "INSERT INTO asset_device (asset_id, device_id, valid_from)"
        " SELECT (SELECT min(id) FROM asset), id, %s FROM device WHERE dev_eui = %s",
        local(ago, 12),
        eui(9),
    )
    store.add([heat(n, local(ago, hour), 1.0 * hour, power=1.0) for n in (1, 2, 3, 4, 9) for hour in (10, 11, 13, 14)])
    store.maintain(NOW)
    assert seen(store, "SELECT * FROM v_heat_energy") == seen(store, "SELECT * FROM v_heat_reading") == []
    assert seen(store, "SELECT * FROM v_heat_hour") == seen(store, "SELECT * FROM v_heat_day") == []
    store.add([heat(n, NOW - HOUR, 20.0, error_code=1) for n in (2, 3, 4, 9)])
    assert seen(store, "SELECT * FROM v_heat_error") == []


# ---- bays ------------------------------------------------------------------------------------------------


def add_bay(store: Store, bay: str, number: int, *, mapping: str = "FIXED", evses: tuple[str, ...]) -> None:
    attributes = {"station": bay.partition("-")[0], "mapping": mapping, "evses": list(evses)}
    add_asset(store, "bay", bay, eui(number), attributes=attributes)
    for evse in evses:
        store.execute(
            "WITH e AS (INSERT INTO evse (evse_key, evse_id, source) VALUES (%s, %s, 'cpo')"
            " ON CONFLICT (evse_key) DO UPDATE SET source = 'cpo' RETURNING id)"
            " INSERT INTO bay_evse (asset_id, evse_id, mapping)"
            " SELECT a.id, e.id, %s FROM asset AS a, e WHERE a.key = %s",
            evse,
            evse,
            mapping,
            bay,
        )


def says(store: Store, number: int, *seen_at: tuple[datetime, bool]) -> None:
    store.add(
        ParkingBay(device=eui(number), observed_at=at, occupied=occupied, event=BayEvent.CHANGE)
        for at, occupied in seen_at
    )


def status(store: Store, evse: str, *statuses: tuple[datetime, str]) -> None:
    for at, word in statuses:
        store.execute(
            "INSERT INTO evse_status (evse_id, at, received_at, source, status)"
            " SELECT id, %s, %s, 'cpo', %s FROM evse WHERE evse_key = %s",
            at,
            at,
            word,
            evse,
        )


def contact(store: Store, first: datetime, last: datetime) -> None:
    store.execute("INSERT INTO evse_contact (source, first_at, last_at) VALUES ('cpo', %s, %s)", first, last)


def states(store: Store, bay: str, days_ago: int) -> list[tuple[str, float]]:
    """The bay's states on a day with their minutes."""
    found = seen(
        store,
        "SELECT state, seconds FROM v_bay_state WHERE bay = %s AND day = %s ORDER BY begins_at",
        bay,
        local(days_ago, 0),
    )
    return [(row["state"], row["seconds"] / 60) for row in found]


def test_a_bays_day_is_told_by_its_sensor_and_its_charge_point(store: Store) -> None:
    day = quiet_day()
    add_bay(store, "LS1-1", 1, evses=("E11",))
    add_bay(store, "LS1-2", 2, evses=("E12",))
    contact(store, local(day, 8), local(day, 12, 45))
    contact(store, local(day, 12, 50), local(day, 12, 55))
    status(
        store,
        "E11",
        (local(day + 1, 9), "IDLE"),
        (local(day, 10, 20), "IN_USE"),
        (local(day, 11, 30), "IDLE"),
        (local(day, 12, 10), "DOWN"),
        (local(day, 12, 20), "IDLE"),
    )
    status(store, "E12", (local(day + 1, 9), "IDLE"))
    says(
        store,
        1,
        (local(day, 9, 50), False),
        (local(day, 10), True),
        (local(day, 11), True),
        (local(day, 12), True),
        (local(day, 12, 30), False),
    )
    says(store, 2, (local(day, 12, 50), True))
    assert states(store, "LS1-1", day) == [
        ("unknown", 590),
        ("free", 10),
        ("idle", 20),
        ("charging", 70),
        ("idle", 40),
        ("down", 10),
        ("idle", 10),
        ("free", 130),
        ("unknown", 560),
    ]
    assert states(store, "LS1-2", day) == [("unknown", 770), ("idle", 20), ("occupied", 110), ("unknown", 540)]


def test_bays_of_a_group_share_their_charge_points(store: Store) -> None:
    day = quiet_day()
    for number in (1, 2):
        add_bay(store, f"LS9-{number}", number, mapping="GROUP", evses=("E91", "E92"))
    contact(store, local(day + 1, 0), local(day, 23))
    status(store, "E91", (local(day + 1, 1), "IDLE"), (local(day, 9, 55), "IN_USE"), (local(day, 10, 30), "IDLE"))
    status(store, "E92", (local(day + 1, 1), "IDLE"))
    says(store, 1, (local(day, 9), False), (local(day, 9, 50), True), (local(day, 11), False))
    says(store, 2, (local(day, 9), False), (local(day, 10), True), (local(day, 11), False))
    assert states(store, "LS9-1", day)[1:5] == [("free", 50), ("idle", 5), ("charging", 5), ("occupied", 30)]
    assert states(store, "LS9-2", day)[1:4] == [("free", 60), ("occupied", 30), ("idle", 30)]


def test_a_stay_over_midnight_is_of_both_days(store: Store) -> None:
    day = quiet_day()
    add_bay(store, "LS1-1", 1, evses=("E11",))
    contact(store, local(day, 20), local(day - 1, 2))
    status(store, "E11", (local(day, 20), "IDLE"), (local(day, 23), "FULL"), (local(day - 1, 0, 40), "IDLE"))
    says(store, 1, (local(day, 22, 30), True), (local(day - 1, 0, 10), True), (local(day - 1, 1), False))
    assert states(store, "LS1-1", day)[-2:] == [("idle", 30), ("charging", 60)]
    assert states(store, "LS1-1", day - 1)[:3] == [("charging", 40), ("idle", 20), ("free", 130)]
    with_sum = seen(store, "SELECT sum(seconds) / 3600 AS hours FROM v_bay_state WHERE day = %s", local(day, 0))
    assert with_sum == [{"hours": 24}]


def test_after_a_sensor_was_taken_away_nothing_is_known_and_a_second_one_does_not_count(store: Store) -> None:
    day = quiet_day()
    add_bay(store, "LS1-1", 1, evses=("E11",))
    store.execute("UPDATE asset_device SET valid_to = %s", local(day, 10, 30))
    store.execute("INSERT INTO device (dev_eui) VALUES (%s)", eui(2))
    store.execute(
        "INSERT INTO asset_device (asset_id, device_id, valid_from)"
        " SELECT (SELECT id FROM asset), id, %s FROM device WHERE dev_eui = %s",
        local(day, 9, 30),
        eui(2),
    )
    says(store, 1, (local(day, 9), False), (local(day, 10), False))
    says(store, 2, (local(day, 9, 45), True), (local(day, 11), False))
    assert states(store, "LS1-1", day) == [
        ("unknown", 540),
        ("free", 90),
        ("unknown", 30),
        ("free", 130),
        ("unknown", 650),
    ]


def test_what_a_bay_is_now_is_the_last_of_today(store: Store) -> None:
    add_bay(store, "LS1-1", 1, evses=("E11",))
    contact(store, NOW - 2 * HOUR, NOW + 24 * HOUR)  # this run may have begun long ago
    status(store, "E11", (NOW - 2 * HOUR, "IN_USE"))
    says(store, 1, (NOW - 90 * MINUTE, True))
    [row] = seen(store, "SELECT bay, station, state, latitude FROM v_bay_now")
    assert (row["bay"], row["station"], row["state"], row["latitude"]) == ("LS1-1", "LS1-1", "charging", 50.0)


def test_blocked_hours_lie_in_the_hours_in_which_they_were(store: Store) -> None:
    day = quiet_day()
    add_bay(store, "LS1-1", 1, evses=("E11",))
    add_case(store, "LS1-1", local(day, 23, 40), minutes=33.5)  # arrived at 23:30, gone at 00:15
    due = local(day - 1, 10, 20)
    add_case(
        store, "LS1-1", due, code="V3_MAX_STAY", codes=("V3_MAX_STAY", "V2_AFTER_CHARGE"), minutes=58.5,
        raised={"V2_AFTER_CHARGE": local(day - 1, 10, 50)},
    )  # fmt: skip
    add_case(store, "LS1-1", local(day - 1, 15), outcome="KEIN_FAHRZEUG")
    add_case(store, "LS1-1", local(day - 1, 17), state="withdrawn")
    add_case(store, "LS1-1", local(day - 1, 19), code="V3_MAX_STAY")
    found = seen(store, "SELECT weekday, hour, seconds FROM v_parking_blocked ORDER BY time")
    first, second = local(day, 12).isoweekday(), local(day - 1, 12).isoweekday()
    assert [(row["weekday"], row["hour"], row["seconds"] / 60) for row in found] == [
        (first, 23, 30),
        (second, 0, 15),
        (second, 10, 10),
        (second, 11, 20),
    ]


def test_cases_say_how_they_ended_and_how_long_it_took(store: Store) -> None:
    add_bay(store, "LS1-1", 1, evses=("E11",))
    due = NOW - timedelta(days=2)
    add_case(store, "LS1-1", due, outcome="ERMAHNUNG", taken=4, arrived=12, minutes=20)
    add_case(store, "LS1-1", due + 3 * HOUR, minutes=30)
    add_case(store, "LS1-1", NOW - HOUR, minutes=None)
    found = seen(store, "SELECT ended, bay_name, taken, arrived, lasted FROM v_parking_case ORDER BY due_at")
    assert [(row["ended"], row["taken"], row["arrived"], row["lasted"]) for row in found] == [
        ("ERMAHNUNG", 240, 720, 1200),
        ("drove_away", None, None, 1800),
        ("open", None, None, None),
    ]
    assert {row["bay_name"] for row in found} == {"bay LS1-1"}
