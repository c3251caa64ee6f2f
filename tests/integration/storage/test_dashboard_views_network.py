"""The radio network's figures and views against frames counted by hand, on both databases."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from decoders.readings import DeviceHealth, HeatMeter, TreeMoisture
from storage.database import Role
from storage.radio import TABLES
from storage.settings import RetentionSettings
from tests.support.store import FOR_EVER, Rows, Store

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = datetime(2026, 6, 9, 22, tzinfo=UTC)
"""Midnight of 10 June in the city."""
NOW = DAY + timedelta(days=3)
TREE, BAY, ORPHAN = "a" * 16, "b" * 16, "c" * 16


def add_frame(
    store: Store,
    device: str,
    at: datetime,
    f_cnt: int,
    heard: Mapping[str, float] | None = None,
    *,
    data_rate: str = "SF7BW125",
    dev_addr: str = "01",
    flags: int = 0,
    mark: bool = True,
) -> None:
    """An uplink of 18 bytes that gateways heard with these ratios of signal to noise, stored as the writer does."""
    snr = dict(heard or {})
    store.execute(
        "WITH d AS (INSERT INTO device (dev_eui) VALUES (%s) ON CONFLICT (dev_eui)"
        " DO UPDATE SET dev_eui = excluded.dev_eui RETURNING id),"
        " s AS (INSERT INTO source (name) VALUES ('city') ON CONFLICT (name) DO UPDATE SET name = excluded.name"
        " RETURNING id),"
        " g AS (INSERT INTO gateway (gateway_id) SELECT unnest(%s::text[]) ON CONFLICT (gateway_id)"
        " DO UPDATE SET gateway_id = excluded.gateway_id RETURNING id, gateway_id),"
        " h AS (SELECT unnest(%s::text[]) AS gateway_id, unnest(%s::real[]) AS snr),"
        " r AS (INSERT INTO reception (ns_time, device_id, f_cnt, gateway_id, antenna, rssi, snr)"
        " SELECT %s, d.id, %s, g.id, 0, -100, h.snr FROM d, g JOIN h USING (gateway_id)),"
        " t AS (INSERT INTO rollup_touched (kind, hour) SELECT 'radio', date_trunc('hour', %s::timestamptz) WHERE %s)"
        " INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc,"
        " frequency, outcome, data_rate, dev_addr, received_at)"
        " SELECT d.id, %s, %s, s.id, 1, %s, 18, 0, 0, 'decoded', %s, %s, %s FROM d, s",
        *(device, list(snr), list(snr), list(snr.values()), at, f_cnt, at, mark),
        *(at, f_cnt, flags, data_rate, dev_addr, at),
    )


def touch(store: Store, at: datetime) -> None:
    store.execute("INSERT INTO rollup_touched (kind, hour) VALUES ('radio', date_trunc('hour', %s::timestamptz))", at)


def add_place(store: Store, device: str, kind: str, latitude: float = 50.0, longitude: float = 8.27) -> None:
    store.execute(
        "WITH a AS (INSERT INTO asset (kind, key, district, latitude, longitude) VALUES (%s, %s, 'Mitte', %s, %s)"
        " RETURNING id) INSERT INTO asset_device (asset_id, device_id) SELECT a.id, d.id FROM a, device AS d"
        " WHERE d.dev_eui = %s",
        *(kind, device, latitude, longitude, device),
    )


def lost_by_day(store: Store, device: str = TREE) -> list[tuple[int, int]]:
    """Frames and lost ones of each day of a device."""
    found = store.execute(
        "SELECT r.frames, r.lost FROM radio_device_daily AS r JOIN device AS d ON d.id = r.device_id"
        " WHERE d.dev_eui = %s ORDER BY r.bucket",
        device,
    )
    return [(row["frames"], row["lost"]) for row in found]


def seen(store: Store, query: str) -> Rows:
    """What Grafana gets."""
    return store.execute(query, role=Role.GRAFANA)


COUNTERS: dict[str, tuple[list[int | tuple[int, str]], int]] = {
    "none": ([5, 6, 7], 0),
    "gaps": ([5, 8, 9, 11], 3),
    "repeated": ([5, 5, 6], 0),
    "counter reset": ([40_000, 2, 3], 0),
    "joined again": ([7, (2, "02"), (4, "02")], 1),
    "joined again above": ([7, (9, "02")], 0),
    "the longest gap": ([7, 7 + 16_385, 7 + 16_387], 16_384 + 1),
    "a leap is a reset": ([7, 7 + 16_386, 7 + 16_388], 1),
    "beyond 16 bits": ([65_535, 65_537], 1),
}
"""Frame counters of a device, with another session's address beside some, and how many frames are lost between them."""


def test_frames_that_counters_leave_out_are_lost(store: Store) -> None:
    for device, (counters, _) in COUNTERS.items():
        for step, counter in enumerate(counters):
            f_cnt, address = counter if isinstance(counter, tuple) else (counter, "01")
            add_frame(store, device, DAY + step * 10 * MINUTE, f_cnt, dev_addr=address)
    assert store.maintain(NOW).radio_days == 1
    found = {device: lost_by_day(store, device) for device in COUNTERS}
    assert found == {device: [(len(counters), lost)] for device, (counters, lost) in COUNTERS.items()}
    [hours] = seen(store, "SELECT sum(frames)::int AS frames, sum(lost)::int AS lost FROM v_radio_hourly")
    assert hours == {
        "frames": sum(len(counters) for counters, _ in COUNTERS.values()),
        "lost": sum(lost for _, lost in COUNTERS.values()),
    }


def test_a_gap_belongs_to_the_hour_and_day_in_which_it_is_noticed(store: Store) -> None:
    add_frame(store, TREE, DAY + 23 * HOUR, 10)
    add_frame(store, TREE, DAY + 25 * HOUR, 13)
    store.maintain(NOW)
    assert lost_by_day(store) == [(1, 0), (1, 2)]
    hours = seen(store, "SELECT time, lost FROM v_radio_hourly ORDER BY time")
    assert hours == [{"time": DAY + 23 * HOUR, "lost": 0}, {"time": DAY + 25 * HOUR, "lost": 2}]


def test_a_late_frame_closes_the_gap_of_the_next_day(store: Store) -> None:
    """The spool of a night: the day after was computed long ago, and nobody touches it but its late neighbour."""
    add_frame(store, TREE, DAY + 22 * HOUR, 10)
    add_frame(store, TREE, DAY + 25 * HOUR, 13)
    store.maintain(NOW)
    add_frame(store, TREE, DAY + 23 * HOUR, 12)
    assert store.maintain(NOW + MINUTE).radio_days == 2
    assert lost_by_day(store) == [(2, 1), (1, 0)]
    assert store.maintain(NOW + 2 * MINUTE).radio_days == 0


def test_the_hour_that_runs_is_left_out_until_it_is_over(store: Store) -> None:
    add_frame(store, TREE, DAY + HOUR, 1)
    add_frame(store, TREE, DAY + 2 * HOUR + MINUTE, 2)
    store.maintain(DAY + 2 * HOUR + 5 * MINUTE)
    assert lost_by_day(store) == [(1, 0)]
    store.maintain(DAY + 3 * HOUR)
    assert lost_by_day(store) == [(2, 0)]


def test_history_from_before_anybody_marked_hours_is_worked_off_once(store: Store) -> None:
    for day in range(3):
        add_frame(store, TREE, DAY + day * timedelta(days=1), day, mark=False)
    assert store.maintain(NOW).radio_days == 3
    add_frame(store, TREE, DAY + HOUR, 0, mark=False)
    assert store.maintain(NOW + MINUTE).radio_days == 0


@pytest.mark.parametrize(
    ("noon", "hours"), [(datetime(2026, 3, 29, 10, tzinfo=UTC), 23), (datetime(2026, 10, 25, 11, tzinfo=UTC), 25)]
)
def test_a_day_is_the_citys_day_when_the_clocks_change(store: Store, noon: datetime, hours: int) -> None:
    for step in range(-30, 30):
        add_frame(store, TREE, noon + step * HOUR, step + 30)
    store.maintain(noon + timedelta(days=3))
    assert hours in [frames for frames, _ in lost_by_day(store)][1:-1]
    assert sum(frames for frames, _ in lost_by_day(store)) == 60


def test_margins_single_frames_and_airtime(store: Store) -> None:
    """SF7 needs -7.5 dB and 72 ms for 18 bytes, SF12 -20 dB and 1.81 s; 50 kbit/s FSK has neither figure."""
    add_frame(store, TREE, DAY, 1, {"g1": 2.5, "g2": -1.0})
    add_frame(store, TREE, DAY + MINUTE, 2, {"g1": -3.5})
    add_frame(store, TREE, DAY + 2 * MINUTE, 3, {"g2": -18.0}, data_rate="SF12BW125")
    add_frame(store, TREE, DAY + 3 * MINUTE, 4, {"g1": 9.0}, data_rate="FSK50")
    add_frame(store, TREE, DAY + 4 * MINUTE, 5)
    add_frame(store, TREE, DAY + 5 * MINUTE, 6, {"g1": 9.0}, flags=2)  # simulated
    store.maintain(NOW)
    [day] = store.execute("SELECT * FROM radio_device_daily")
    counted = {name: day[name] for name in ("frames", "single", "receptions", "gateways", "slow")}
    assert counted == {"frames": 5, "single": 3, "receptions": 5, "gateways": 2, "slow": 1}
    assert (day["margin_median"], round(day["margin_p10"], 3)) == (4.0, 2.4)  # of 10, 4 and 2 dB
    # a frame without any reception counts on the air at its data rate, too
    assert round(day["airtime"], 3) == round(3 * 0.07194 + 1.810, 3)
    margins = seen(store, "SELECT margin, frames FROM v_radio_margin_hourly ORDER BY margin")
    assert [(row["margin"], row["frames"]) for row in margins] == [(2, 1), (4, 1), (10, 1)]


AIRTIME = {
    ("SF7BW125", 3): 51, ("SF8BW125", 3): 93, ("SF9BW125", 3): 165, ("SF10BW125", 3): 330, ("SF11BW125", 3): 659,
    ("SF12BW125", 3): 1319, ("SF7BW125", 18): 72, ("SF12BW125", 18): 1810, ("SF9BW125", 41): 349,
    ("SF12BW125", 41): 2466, ("FSK50", 18): None, ("", 18): None, ("LRFHSS", 18): None,
}  # fmt: skip
"""Milliseconds of a frame with so many bytes of payload."""


def test_time_on_air(store: Store) -> None:
    found = store.execute(
        "SELECT rate, size, round(1000 * airtime(rate, spreading_factor(rate), size))::integer AS ms"
        " FROM unnest(%s::text[], %s::smallint[]) AS f (rate, size)",
        *([rate for rate, _ in AIRTIME], [size for _, size in AIRTIME]),
    )
    assert {(row["rate"], row["size"]): row["ms"] for row in found} == AIRTIME


def test_what_gateways_hear_of_what_others_heard(store: Store) -> None:
    """g1 hears 3 of the tree's 4 frames and 1 of the bay's; g2 hears 2 of the tree's; nobody else the bay."""
    add_frame(store, TREE, DAY, 1, {"g1": 5.0, "g2": 8.0})
    add_frame(store, TREE, DAY + MINUTE, 2, {"g1": 5.0, "g2": 1.0})
    add_frame(store, TREE, DAY + 2 * MINUTE, 3, {"g1": 5.0})
    add_frame(store, TREE, DAY + 3 * MINUTE, 4)
    add_frame(store, BAY, DAY + 4 * MINUTE, 1, {"g1": 0.0})
    store.maintain(NOW)
    days = seen(
        store,
        "SELECT gateway_id, devices, frames, alone, device_frames, only_here FROM v_radio_gateway_daily"
        " ORDER BY gateway_id",
    )
    assert [tuple(row.values()) for row in days] == [("g1", 2, 4, 2, 5, 1), ("g2", 1, 2, 0, 4, 0)]
    hours = seen(store, "SELECT gateway_id, frames, alone, best, snr FROM v_radio_gateway_hourly ORDER BY gateway_id")
    assert [tuple(row.values()) for row in hours] == [("g1", 4, 2, 3, 3.75), ("g2", 2, 0, 1, 4.5)]


def test_two_antennas_of_a_gateway_are_one_that_hears(store: Store) -> None:
    add_frame(store, TREE, DAY, 1, {"g1": -5.0})
    store.execute("INSERT INTO reception SELECT ns_time, device_id, f_cnt, gateway_id, 1, 0, -90, 1.5 FROM reception")
    store.maintain(NOW)
    [day] = store.execute("SELECT single, receptions, margin_median, rssi_median FROM radio_device_daily")
    assert tuple(day.values()) == (1, 1, 9.0, -90.0)


def test_reports_of_gateways_by_hour(store: Store) -> None:
    store.execute("INSERT INTO gateway (gateway_id) VALUES ('g1')")
    for minute, received in ((0, 10), (30, 20), (60, 5)):
        store.execute(
            "INSERT INTO gateway_stats (gateway_id, occurred_at, received_at, rx_received, rx_received_ok, tx_received,"
            " tx_emitted) SELECT id, %s, %s, %s, %s, 2, 1 FROM gateway",
            *(DAY + minute * MINUTE, DAY, received, received - 2),
        )
    store.maintain(NOW)
    hours = seen(
        store, "SELECT reports, rx_received, rx_received_ok, tx_emitted FROM v_radio_report_hourly ORDER BY time"
    )
    assert [tuple(row.values()) for row in hours] == [(2, 30, 26, 2), (1, 5, 3, 1)]


def test_only_known_devices_of_the_city_are_shown_one_by_one(store: Store) -> None:
    """A tree is; a meter, one of which nobody knows what it measures, and one that only told its battery are not."""
    homes = [f"{number:016x}" for number in range(5)]
    for device in (TREE, ORPHAN, BAY, *homes):
        add_frame(store, device, DAY, 1, {"g1": 5.0})
        add_frame(store, device, DAY + HOUR, 3, {"g1": 5.0})
    store.add([TreeMoisture(device=TREE, observed_at=DAY, soil_moisture=20.0)])
    store.add([HeatMeter(device=home, observed_at=DAY, energy=1.0) for home in homes])
    store.add([TreeMoisture(device=homes[0], observed_at=DAY, soil_moisture=20.0)])
    store.add([DeviceHealth(device=BAY, observed_at=DAY, battery_level=50.0)])
    store.execute(
        "INSERT INTO device_state (device_id, source_id, session_started_at, first_f_cnt, last_f_cnt, session_uplinks,"
        " uplinks, last_ns_time, last_received_at, outcome)"
        " SELECT id, 1, %s, 1, 3, 2, 2, %s, %s, 'decoded' FROM device",
        *(DAY, DAY + HOUR, DAY + HOUR),
    )
    store.maintain(NOW)
    for view in ("v_radio_device_daily", "v_radio_link_daily", "v_network_device", "v_device_reception"):
        assert {row["dev_eui"] for row in seen(store, f"SELECT dev_eui FROM {view}")} == {TREE}, view
    [one] = seen(store, "SELECT missing, uplinks, limit_seconds, silent_seconds > limit_seconds AS silent"
                        " FROM v_network_device")  # fmt: skip
    assert tuple(one.values()) == (1, 2, 26 * 3600, True)
    [everybody] = seen(store, "SELECT devices, silent, orphans FROM v_network_contact")
    assert tuple(everybody.values()) == (8, 8, 0)
    for relation in ("network_device", "radio_device_daily", "radio_link_daily", "uplink", "reception"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            seen(store, f"SELECT * FROM {relation}")


@pytest.mark.parametrize(("meters", "shown"), [(4, False), (5, True)])
def test_households_count_in_sums_of_five_or_more(store: Store, meters: int, shown: bool) -> None:
    for number in range(meters):
        add_frame(store, f"{number:016x}", datetime.now(UTC) - 2 * HOUR, 1, {"g1": 4.5 + number})
        add_place(store, f"{number:016x}", "meter")
    add_frame(store, TREE, datetime.now(UTC) - 2 * HOUR, 1, {"g1": 0.5})
    add_place(store, TREE, "tree", latitude=50.0021, longitude=8.2712)
    store.maintain(datetime.now(UTC))
    cells = seen(store, "SELECT asset_kind, latitude, longitude, devices, margin FROM v_radio_cell ORDER BY asset_kind")
    people = seen(store, "SELECT asset_kind, devices, frames::int FROM v_radio_population_daily ORDER BY asset_kind")
    tree = ("tree", 22_223.5 * 0.00225, 2_363.5 * 0.0035, 1, 8.0)
    basements = ("meter", 22_222.5 * 0.00225, 2_362.5 * 0.0035, 5, 14.0)  # the middle of 12, 13, 14, 15 and 16 dB
    assert [tuple(row.values()) for row in cells] == [*([basements] if shown else []), tree]
    assert [tuple(row.values()) for row in people] == [*([("meter", 5, 5)] if shown else []), ("tree", 1, 1)]


def test_silent_devices_are_measured_against_their_own_interval(store: Store) -> None:
    now = datetime.now(UTC)
    for device, minutes in ((TREE, 20), (BAY, 600)):
        add_frame(store, device, now - timedelta(hours=2), 1)
        add_place(store, device, "tree")
        store.execute(
            "INSERT INTO device_state (device_id, source_id, session_started_at, first_f_cnt, last_f_cnt,"
            " session_uplinks, uplinks, last_ns_time, last_received_at, outcome)"
            " SELECT id, 1, %s, 1, 1, 1, 1, %s, %s, 'decoded' FROM device WHERE dev_eui = %s",
            *(now, now, now - timedelta(hours=2), device),
        )
        store.execute(
            "INSERT INTO device_interval (device_id, seconds, samples)"
            " SELECT id, %s, 10 FROM device WHERE dev_eui = %s",
            *(60 * minutes, device),
        )
    found = seen(store, "SELECT dev_eui, limit_seconds FROM v_network_device WHERE silent_seconds > limit_seconds")
    assert found == [{"dev_eui": TREE, "limit_seconds": 3600.0}]
    assert seen(store, "SELECT devices, silent FROM v_network_contact") == [{"devices": 2, "silent": 1}]


def test_figures_go_with_their_retention_and_outlive_receptions(store: Store) -> None:
    add_frame(store, TREE, NOW - timedelta(days=40), 1, {"g1": 5.0})
    store.maintain(NOW - timedelta(days=39))
    settings = FOR_EVER.model_copy(update={"reception": 30})
    assert store.maintain(NOW, settings).deleted == {"reception": 1}
    touch(store, NOW - timedelta(days=40))  # a late frame of a day whose receptions are gone changes nothing
    assert store.maintain(NOW + MINUTE, settings).radio_days == 0
    assert store.execute("SELECT margin_median FROM radio_device_daily") == [{"margin_median": 12.5}]
    short = RetentionSettings(uplink=30, rollups=30)
    gone = store.maintain(NOW + 2 * HOUR, short).deleted
    assert {name for name in gone if name.startswith("radio")} == {
        "radio_device_daily",
        "radio_gateway_hourly",
        "radio_hourly",
        "radio_link_daily",
        "radio_margin_hourly",
    }


def test_both_databases_give_the_same_figures(stores: tuple[Store, Store]) -> None:
    for store in stores:
        for step in range(60):
            heard = {f"g{gateway}": 10.0 - step % 17 - 3 * gateway for gateway in range(step % 4)}
            rate = f"SF{7 + step % 6}BW125"
            add_frame(
                store, TREE if step % 2 else BAY, DAY + step * 37 * MINUTE, step + step // 9, heard, data_rate=rate
            )
        store.maintain(NOW)
    for table in TABLES:
        if table != "radio_report_hourly":
            plain, timescale = (sorted(map(rounded, store.execute(f"SELECT * FROM {table}"))) for store in stores)
            assert plain, table
            assert plain == timescale, table


def rounded(row: Mapping[str, object]) -> tuple[str, ...]:
    """As both databases can agree on it, whatever the order in which they add up."""
    return tuple(f"{value:.6g}" if isinstance(value, float) else str(value) for value in row.values())
