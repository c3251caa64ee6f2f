"""Cases end as counts and names as commitments, exactly to the moment, with proof, on both databases."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.charging.status import EvseState
from alerts.events import chain_hash, commitment
from alerts.retention import Expired, expire_cases
from alerts.statistics.calendar import Month
from alerts.statistics.loading import Asking, MonthFigures, month_figures
from storage.database import Role
from storage.settings import RetentionSettings
from tests.integration.parking.street import NOON, Street
from tests.integration.statistics.city import add_case
from tests.support.store import Store

BERLIN = ZoneInfo("Europe/Berlin")
ASKING = Asking(BERLIN)
NOVEMBER = Month(2026, 11)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def expire(store: Store, now: datetime, retention: RetentionSettings | None = None) -> Expired:
    settings = retention or RetentionSettings()
    return store.run(lambda c: expire_cases(c, settings, now=now, asking=ASKING), role=Role.MAINTENANCE)


def load(store: Store, now: datetime) -> MonthFigures:
    return store.run(lambda c: month_figures(c, NOVEMBER, now, ASKING), role=Role.PORTAL)


def closed_at(store: Store, number: int) -> datetime:
    [row] = store.execute("SELECT closed_at FROM alert WHERE id = %s", number)
    return row["closed_at"]


def numbers(store: Store) -> list[int]:
    return [row["id"] for row in store.execute("SELECT id FROM alert ORDER BY id")]


def busy_november(street: Street) -> int:
    """A bay with an hour of occupancy, and a case that an officer closed. Gives its id."""
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.sees(sensor, 0, True)
    street.sees(sensor, 60, False)
    street.point("DEE1", 0, EvseState.IDLE)
    street.linked(0, 60)
    return add_case(street.store, "S1-1", NOON, outcome="VERWARNUNG_ERTEILT", taken=4, arrived=9, minutes=30)


def test_cases_go_after_a_year_and_open_ones_stay(street: Street) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    street.bay("S1-2", station="S1", evses=["DEE2"])
    old = add_case(street.store, "S1-1", NOON)
    still_open = add_case(street.store, "S1-2", NOON, minutes=None)
    end = closed_at(street.store, old)
    assert (expire(street.store, end + 365 * DAY).deleted or {}).get("alert") is None
    assert numbers(street.store) == [old, still_open]
    expired = expire(street.store, end + 365 * DAY + timedelta(hours=2))
    assert expired.deleted == {"alert": 1}
    assert numbers(street.store) == [still_open]
    assert street.store.execute("SELECT count(*) AS n FROM alert_event WHERE alert_id = %s", old) == [{"n": 0}]


def test_what_is_kept_is_what_was_counted(street: Street) -> None:
    number = busy_november(street)
    before = load(street.store, NOON + 30 * DAY)
    expired = expire(street.store, closed_at(street.store, number) + 366 * DAY)
    assert expired.kept[0] == NOVEMBER  # and the silent months that have become too old since then
    assert numbers(street.store) == []
    after = load(street.store, NOON + 400 * DAY)
    assert (before.kept, after.kept) == (False, True)
    assert after.sites == before.sites
    assert after.sites[0].cases.taken == {4: 1}
    assert after.sites[0].bays.occupied > 0


def test_a_month_is_counted_before_its_first_message_goes(street: Street) -> None:
    busy_november(street)
    assert expire(street.store, NOON + 88 * DAY).kept == ()
    assert expire(street.store, NOON + 89 * DAY + timedelta(hours=2)).kept == (NOVEMBER,)
    street.store.maintain(NOON + 91 * DAY, RetentionSettings())
    assert street.store.execute("SELECT count(*) AS n FROM parking_bay") == [{"n": 0}]
    [site] = load(street.store, NOON + 91 * DAY).sites
    assert site.bays.occupied == pytest.approx(1.0)


def test_what_was_kept_is_not_counted_again(street: Street) -> None:
    busy_november(street)
    expire(street.store, NOON + 95 * DAY)
    add_case(street.store, "S1-1", NOON + DAY)
    assert expire(street.store, NOON + 95 * DAY + timedelta(hours=2)).kept == ()
    assert load(street.store, NOON + 96 * DAY).sites[0].cases.cases == 1


def test_names_go_and_the_chain_stays_valid(street: Street) -> None:
    number = busy_november(street)
    expire(street.store, NOON + 60 * DAY, RetentionSettings(names=30))
    events = street.store.execute("SELECT * FROM alert_event WHERE alert_id = %s ORDER BY position", number)
    assert {(event["actor"], event["actor_salt"]) for event in events} == {("", "")}
    marks = [event["actor_commitment"] for event in events]
    assert [bool(mark) for mark in marks] == [False, True, True, True]
    assert commitment("", "kim") not in marks
    previous = ""
    for event in events:
        assert event["previous_hash"] == previous
        previous = chain_hash(
            position=event["position"],
            at=event["at"],
            kind=event["kind"],
            actor_commitment=event["actor_commitment"],
            reason=event["reason"],
            detail=event["detail"],
            previous_hash=event["previous_hash"],
        )
        assert event["hash"] == previous
    assert street.store.execute("SELECT assignee FROM alert") == [{"assignee": ""}]


def test_younger_names_stay(street: Street) -> None:
    busy_november(street)
    assert expire(street.store, NOON + 29 * DAY, RetentionSettings(names=30)).deleted == {}
    [row] = street.store.execute("SELECT assignee FROM alert")
    assert row == {"assignee": "kim"}


def test_the_log_of_the_portal_goes_with_its_names(street: Street) -> None:
    for age in (364 * DAY, 365 * DAY, 365 * DAY + SECOND):
        street.store.execute("INSERT INTO audit_log (at, username, action) VALUES (%s, 'kim', 'login')", NOON - age)
    assert expire(street.store, NOON).deleted == {"audit_log": 1}


def test_keys_of_actions_and_recipients_of_messages_go_with_the_names(street: Street) -> None:
    number = busy_november(street)
    street.store.execute(
        "INSERT INTO notification (idempotency_key, alert_id, channel, kind, body, state, due_at, created_at,"
        " last_error, delivered)"
        " VALUES ('1', %s, 'mail', 'closed', '{}', 'dead', %s, %s, 'kim@example.org: full', '{d}')",
        number,
        NOON,
        NOON,
    )
    for key, age in (("kim/1", DAY + SECOND), ("kim/2", DAY - SECOND)):
        street.store.execute(
            "INSERT INTO portal_action (idempotency_key, username, answer, created_at) VALUES (%s, 'kim', '{}', %s)",
            key,
            NOON + 2 * DAY - age,
        )
    deleted = expire(street.store, NOON + 2 * DAY, RetentionSettings(names=1)).deleted or {}
    assert (deleted["portal_action"], deleted["notification.delivered"]) == (1, 1)
    assert street.store.execute("SELECT idempotency_key FROM portal_action") == [{"idempotency_key": "kim/2"}]
    assert street.store.execute("SELECT last_error, delivered FROM notification") == [
        {"last_error": "", "delivered": []}
    ]


def test_the_last_status_of_a_point_holds_however_old_it_is(street: Street) -> None:
    street.bay("S1-1", station="S1", evses=["DEE1"])
    street.point("DEE1", 0, EvseState.IN_USE)
    street.point("DEE1", 60, EvseState.IDLE)
    street.linked(0, 5)
    expired = expire(street.store, NOON + 100 * DAY)
    assert expired.deleted == {"evse_status": 1, "evse_contact": 1}
    assert [row["status"] for row in street.store.execute("SELECT status FROM evse_status")] == ["IDLE"]


def test_raw_messages_of_bays_go_with_what_was_made_of_them(street: Street) -> None:
    sensor = street.bay("S1-1", station="S1", evses=["DEE1"])
    street.store.execute("INSERT INTO device (dev_eui) VALUES ('00000000000000ee')")
    for device in (sensor, "00000000000000ee"):
        for age in (90 * DAY + SECOND, 90 * DAY - SECOND):
            street.store.execute(
                "INSERT INTO payload_public (device_id, ns_time, f_cnt, payload)"
                " SELECT id, %s, 1, 'x' FROM device WHERE dev_eui = %s",
                NOON - age,
                device,
            )
    assert expire(street.store, NOON).deleted == {"payload_public": 1}
    left = street.store.execute("SELECT dev_eui FROM payload_public JOIN device ON id = device_id ORDER BY 1")
    assert [row["dev_eui"] for row in left] == sorted([sensor, "00000000000000ee", "00000000000000ee"])


def test_every_deletion_is_recorded(street: Street) -> None:
    number = busy_november(street)
    now = closed_at(street.store, number) + 400 * DAY
    expire(street.store, now)
    rows = street.store.execute("SELECT table_name, cutoff, deleted, ran_at FROM retention_run ORDER BY id")
    assert {"table_name": "alert", "cutoff": now - 365 * DAY, "deleted": 1, "ran_at": now} in rows


def test_it_runs_once_an_hour(street: Street) -> None:
    expire(street.store, NOON)
    assert expire(street.store, NOON + timedelta(minutes=59)).skipped
    assert not expire(street.store, NOON + timedelta(minutes=60)).skipped


def test_whoever_keeps_everything_loses_nothing(street: Street) -> None:
    busy_november(street)
    for_ever = RetentionSettings(cases=None, bay_events=None, uplink=None, names=3650)
    expired = expire(street.store, datetime(2035, 1, 1, tzinfo=UTC), for_ever)
    assert (expired.kept, expired.deleted) == ((), {})


@pytest.mark.parametrize("setting", ["cases", "bay_events"])
def test_a_month_can_always_be_counted_before_its_cases_go(setting: str) -> None:
    with pytest.raises(ValueError, match="32"):
        RetentionSettings(**{setting: 31})
