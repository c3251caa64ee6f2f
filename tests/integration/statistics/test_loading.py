"""A month's figures from the database, on both kinds of it, with everything counted by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.charging.status import EvseState
from alerts.statistics.calendar import Month
from alerts.statistics.figures import Frames, Record, SiteFigures
from alerts.statistics.loading import Asking, MonthFigures, month_figures
from alerts.statistics.measures import availability, lost_hours
from storage.database import Role
from tests.integration.parking.street import NOON, Street, at
from tests.integration.statistics.city import MINUTE, add_case
from tests.support.store import Store

BERLIN = ZoneInfo("Europe/Berlin")
NOVEMBER, OCTOBER = Month(2026, 11), Month(2026, 10)
TUESDAY_12 = 24 + 12  # NOON is 24 November 2026, 12 h in Berlin
LATER = datetime(2026, 12, 10, tzinfo=UTC)


def load(store: Store, month: Month = NOVEMBER, now: datetime = LATER) -> MonthFigures:
    """In the role of the portal, which is what pages and reports have."""
    return store.run(lambda c: month_figures(c, month, now, Asking(BERLIN)), role=Role.PORTAL)


def site(found: MonthFigures, key: str) -> SiteFigures:
    [one] = [one for one in found.sites if one.key == key]
    return one


def test_bays_and_points_hour_by_hour(street: Street) -> None:
    """Watched from 12:00 to 16:10; occupied 12:30-14:30; a session 13:00-14:00."""
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.sees(sensor, 0, False)
    street.sees(sensor, 30, True)
    street.sees(sensor, 90, True, heartbeat=True)
    street.sees(sensor, 150, False)
    street.sees(sensor, 120, True, heartbeat=True)
    street.point("DEE1", -60, EvseState.IDLE)
    street.point("DEE1", 60, EvseState.IN_USE)
    street.point("DEE1", 120, EvseState.IDLE)
    street.linked(-30, 240)
    bays = site(load(street.store), "S1").bays
    # the last message was at 14:30, and is believed for 130 minutes; contact ends at 16:00 and is believed for 15
    assert sum(bays.watched) == pytest.approx((280) / 60)
    assert bays.occupied == pytest.approx(2.0)
    assert bays.judged == pytest.approx((255) / 60)
    assert bays.idle == pytest.approx(1.0)
    assert availability(bays) == pytest.approx(1 - 60 / 255)
    assert bays.watched[TUESDAY_12] == pytest.approx(1.0)
    assert (bays.watched_days[TUESDAY_12], bays.watched_days[TUESDAY_12 + 4]) == (1, 1)


def test_heartbeats_without_gaps_are_one_span_and_gaps_are_not_watched(street: Street) -> None:
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    for minute in (0, 60, 120, 600):
        street.sees(sensor, minute, False, heartbeat=True)
    bays = site(load(street.store), "S1").bays
    assert sum(bays.watched) == pytest.approx((120 + 130 + 130) / 60)


def test_a_broken_point_is_unavailable(street: Street) -> None:
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.sees(sensor, 0, False, heartbeat=True)
    street.point("DEE1", 0, EvseState.DOWN)
    street.linked(0, 45)
    bays = site(load(street.store), "S1").bays
    assert (bays.judged, bays.unavailable) == pytest.approx((1.0, 1.0))


def test_a_running_month_ends_now(street: Street) -> None:
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.sees(sensor, 0, True, heartbeat=True)
    found = load(street.store, now=at(30))
    assert found.until == at(30)
    assert site(found, "S1").bays.occupied == pytest.approx(0.5)


def test_a_month_to_come_is_empty(street: Street) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    [one] = load(street.store, Month(2027, 5)).sites
    assert (one.cases.cases, one.bays.bays, sum(one.bays.watched)) == (0, 1, 0)


def test_frames_missing_belong_to_what_stood_there(street: Street) -> None:
    """Counters 1 2 . 4 . . 7 8: one missing while free, then the change and another one while covered."""
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.sees(sensor, 0, False)
    street.sees(sensor, 60, False, heartbeat=True)
    street.f_cnt[sensor] += 1
    street.sees(sensor, 180, False, heartbeat=True)
    street.f_cnt[sensor] += 2
    street.sees(sensor, 360, True, heartbeat=True)
    street.sees(sensor, 400, False)
    bays = site(load(street.store), "S1").bays
    assert bays.free == Frames(received=4, missing=1)
    assert bays.covered == Frames(received=1, missing=2)


def test_a_change_that_is_told_says_that_the_missing_frames_came_before_it(street: Street) -> None:
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.sees(sensor, 0, True)
    street.f_cnt[sensor] += 3
    street.sees(sensor, 200, False)
    bays = site(load(street.store), "S1").bays
    assert (bays.free, bays.covered) == (Frames(received=1, missing=0), Frames(received=1, missing=3))


def test_a_restart_of_the_counter_is_no_loss(street: Street) -> None:
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.f_cnt[sensor] = 5000
    street.sees(sensor, 0, False)
    street.f_cnt[sensor] = 0
    street.sees(sensor, 60, False, heartbeat=True)
    assert site(load(street.store), "S1").bays.free == Frames(received=2, missing=0)


def test_cases_with_their_way(street: Street) -> None:
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    add_case(street.store, "S1-1", NOON, outcome="VERWARNUNG_ERTEILT", taken=4, arrived=15, minutes=20)
    add_case(street.store, "S1-1", NOON + timedelta(hours=3), minutes=30)
    add_case(street.store, "S1-1", NOON + timedelta(hours=6), state="withdrawn", reason="history_changed")
    cases = site(load(street.store), "S1").cases
    assert (cases.cases, cases.withdrawn, cases.told) == (2, 1, 2)
    assert cases.ends == {"VERWARNUNG_ERTEILT": 1, "drove_away": 1}
    assert (cases.taken, cases.arrived, cases.cleared) == ({4: 1}, {15: 1}, {30: 1})
    assert (cases.hits[TUESDAY_12], cases.hits[TUESDAY_12 + 3], cases.days) == (1, 1, {24: 2})
    assert cases.records == {sensor: Record(confirmed=1, false=0)}
    # from the arrival, ten minutes before `due`, to the end, 90 s after it plus its length
    assert lost_hours(cases) == pytest.approx((31.5 + 41.5) / 60)


def test_after_a_session_time_is_lost_from_when_the_vehicle_should_have_left(street: Street) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    add_case(
        street.store,
        "S1-1",
        NOON,
        code="V3_MAX_STAY",
        codes=("V3_MAX_STAY", "V2_AFTER_CHARGE"),
        raised={"V3_MAX_STAY": NOON, "V2_AFTER_CHARGE": NOON + 40 * MINUTE},
        minutes=100,
    )
    assert lost_hours(site(load(street.store), "S1").cases) == pytest.approx(61.5 / 60)


def test_a_stay_that_is_too_long_loses_no_charging(street: Street) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    add_case(street.store, "S1-1", NOON, code="V3_MAX_STAY")
    assert lost_hours(site(load(street.store), "S1").cases) == 0


def test_an_open_case_loses_time_until_now(street: Street) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    add_case(street.store, "S1-1", NOON, minutes=None)
    found = site(load(street.store, now=NOON + 50 * MINUTE), "S1").cases
    assert (lost_hours(found), found.ends) == (pytest.approx(1.0), {"open": 1})


@pytest.mark.parametrize(
    ("due", "month", "day", "cell"),
    [
        (datetime(2026, 10, 31, 22, 59, tzinfo=UTC), OCTOBER, 31, 5 * 24 + 23),  # 23:59 in Berlin, winter time
        (datetime(2026, 10, 31, 23, 0, tzinfo=UTC), NOVEMBER, 1, 6 * 24),
        (datetime(2026, 9, 30, 22, 0, tzinfo=UTC), OCTOBER, 1, 3 * 24),  # summer time
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), OCTOBER, 25, 6 * 24 + 2),  # both are half past two
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), OCTOBER, 25, 6 * 24 + 2),
    ],
)
def test_months_days_and_hours_are_local(street: Street, due: datetime, month: Month, day: int, cell: int) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    add_case(street.store, "S1-1", due)
    cases = site(load(street.store, month), "S1").cases
    assert (cases.days, cases.hits[cell]) == ({day: 1}, 1)
    other = OCTOBER if month == NOVEMBER else NOVEMBER
    assert site(load(street.store, other), "S1").cases.cases == 0


def test_a_sensor_answers_for_its_own_time_only(street: Street) -> None:
    """The bay's sensor was swapped at NOON: the case before is the old one's."""
    old = street.bay("S1-1", station="S1", evses=["DEE1"])
    new = "00000000000000ee"
    street.store.execute("UPDATE asset_device SET valid_to = %s", NOON)
    street.store.execute("INSERT INTO device (dev_eui) VALUES (%s)", new)
    street.store.execute(
        "INSERT INTO asset_device (asset_id, device_id, valid_from)"
        " SELECT a.id, d.id, %s FROM asset a, device d WHERE a.key = 'S1-1' AND d.dev_eui = %s",
        NOON,
        new,
    )
    add_case(street.store, "S1-1", NOON - timedelta(hours=2), outcome="KEIN_FAHRZEUG", taken=1)
    add_case(street.store, "S1-1", NOON + timedelta(hours=2), outcome="ERMAHNUNG", taken=1)
    one = site(load(street.store), "S1")
    assert one.cases.records == {old: Record(confirmed=0, false=1), new: Record(confirmed=1, false=0)}
    assert {sensor for sensor, _ in one.sensors} == {old, new}


def test_a_shared_station_is_one_pool(street: Street) -> None:
    first = street.bay("S1-1", station="S1", evses=["DEE1", "DEE2"], mapping="GROUP")
    second = street.bay("S1-2", station="S1", evses=["DEE1", "DEE2"], mapping="GROUP")
    for sensor in (first, second):
        street.sees(sensor, 0, True, heartbeat=True)
    street.point("DEE1", 0, EvseState.IN_USE)
    street.point("DEE2", 0, EvseState.IDLE)
    street.linked(0, 45)
    bays = site(load(street.store), "S1").bays
    assert (bays.bays, bays.judged, bays.idle) == (2, pytest.approx(2.0), pytest.approx(1.0))


def test_alerts_of_other_rules_are_no_cases(street: Street) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    add_case(street.store, "S1-1", NOON, code="SENSOR_FLAPPING")
    assert site(load(street.store), "S1").cases.cases == 0
