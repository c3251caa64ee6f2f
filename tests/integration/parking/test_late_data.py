"""Messages that come days late: their cases are opened and closed in event time, once, and tell nobody."""

from datetime import timedelta

import pytest

from alerts.calendar import Calendar
from alerts.charging.status import EvseState
from alerts.notify import Channel
from alerts.policy import Policy
from alerts.reconcile import Reconciled, reconcile
from alerts.rules.parking_past import ParkingPast
from alerts.rules.registry import make_past
from alerts.rules.wrong_parking import WrongParking, WrongParkingSettings
from storage.database import Connection, Role
from tests.integration.parking.street import Street, at

DAY = 24 * 60
WEEK = 7 * DAY
EVERYBODY = Policy(channels=(Channel("mail"),))
SETTINGS = WrongParkingSettings(kind="wrong_parking")


def late() -> ParkingPast:
    rule = make_past("wrong_parking", SETTINGS)
    assert isinstance(rule, ParkingPast)
    return rule


def live() -> WrongParking:
    return WrongParking("wrong_parking", SETTINGS, Calendar())


def turn(street: Street, rule: ParkingPast | WrongParking, minute: float) -> Reconciled:
    """One turn of a rule, as the engine takes it."""

    async def take(connection: Connection) -> Reconciled:
        async with connection.transaction():
            findings = await rule.evaluate(connection, at(minute))
            return await reconcile(connection, findings, at(minute), policy=EVERYBODY)

    return street.store.run(take, role=Role.ALERTS)


def work_off(street: Street, minute: float) -> int:
    """Turns of a new engine until nothing late is left; how many."""
    rule = late()
    for number in range(100):
        if not street.store.execute("SELECT id FROM late_reading LIMIT 1"):
            return number
        turn(street, rule, minute)
    raise AssertionError("it never ends")


def cases(street: Street) -> list[tuple[object, ...]]:
    rows = street.store.execute("SELECT * FROM alert ORDER BY subject, since")
    return [
        (
            row["subject"],
            row["code"],
            row["state"],
            row["reason"],
            row["backfilled"],
            row["opened_at"],
            row["closed_at"],
        )
        for row in rows
    ]


@pytest.fixture
def bay(street: Street) -> str:
    """A bay that is known for a month and free now; its messages of last week did not come through."""
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    street.point("E1", -30 * DAY, EvseState.IDLE)
    street.store.execute("INSERT INTO evse_contact VALUES ('cpo', %s, %s)", at(-30 * DAY), at(120))
    for day in (8, 1):
        street.sees(device, -day * DAY, False, heartbeat=True)
    street.sees(device, -60, False, heartbeat=True)
    street.store.execute("DELETE FROM late_reading")
    return device


def arrive_late(street: Street, *minutes: float) -> None:
    """What the writer's log says of messages of these times, whatever the clock of this machine says."""
    hours = "SELECT 'parking_bay', date_trunc('hour', t) FROM unnest(%s::timestamptz[]) AS t"
    street.store.execute(f"INSERT INTO late_reading (kind, hour) {hours}", [at(minute) for minute in minutes])


def last_week(street: Street, device: str) -> None:
    """What the sensor said of a car that stood there for two hours, a week ago."""
    street.sees(device, -WEEK, True)
    street.sees(device, -WEEK + 60, True, heartbeat=True)
    street.sees(device, -WEEK + 120, False)
    arrive_late(street, -WEEK, -WEEK + 60, -WEEK + 120)


CASE = ("LS01-1", "V1_NO_CHARGE", "resolved", "drove_away", True, at(-WEEK + 10), at(-WEEK + 120.5))


def test_a_week_old_file_makes_one_case_that_is_over_and_tells_nobody(street: Street, bay: str) -> None:
    looking = live()
    turn(street, looking, 0)
    last_week(street, bay)
    turn(street, looking, 1)
    assert cases(street) == [], "it lies before what a live look reads"
    assert work_off(street, 1) == 1
    assert cases(street) == [CASE]
    assert street.store.execute("SELECT count(*) AS n FROM notification") == [{"n": 0}]
    kinds = [row["kind"] for row in street.store.execute("SELECT kind FROM alert_event ORDER BY position")]
    assert kinds == ["opened", "resolved"]


def test_the_same_file_again_adds_nothing(street: Street, bay: str) -> None:
    last_week(street, bay)
    work_off(street, 1)
    before = street.store.execute("SELECT * FROM alert")
    hours = "SELECT 'parking_bay', date_trunc('hour', observed_at) FROM parking_bay"
    street.store.execute(f"INSERT INTO late_reading (kind, hour) {hours}")
    assert work_off(street, 30) > 1, "a month of hours, in stretches"
    assert street.store.execute("SELECT * FROM alert") == before
    assert street.store.execute("SELECT count(*) AS n FROM alert_event") == [{"n": 2}]


def test_a_live_case_of_the_same_bay_stays_as_it_is(street: Street, bay: str) -> None:
    looking = live()
    street.sees(bay, 0, True)
    turn(street, looking, 12)
    [before] = street.store.execute("SELECT * FROM alert WHERE closed_at IS NULL")
    last_week(street, bay)
    work_off(street, 13)
    assert cases(street)[0] == CASE
    assert street.store.execute("SELECT * FROM alert WHERE closed_at IS NULL") == [before]
    street.sees(bay, 40, False)
    turn(street, looking, 45)
    assert [row["state"] for row in street.store.execute("SELECT state FROM alert ORDER BY since")] == ["resolved"] * 2


def test_a_case_that_a_late_message_only_begins_otherwise_is_no_second_one(street: Street, bay: str) -> None:
    """Closed by a person as it was seen then: who repeats it under another name would undo that."""
    last_week(street, bay)
    work_off(street, 1)
    street.store.execute("UPDATE alert SET outcome = 'VERWARNUNG_ERTEILT'")
    street.sees(bay, -WEEK - 5, True)
    arrive_late(street, -WEEK - 5)
    work_off(street, 2)
    assert cases(street) == [CASE]


def test_a_car_that_stood_for_days_is_told_from_its_begin_to_its_end(street: Street, bay: str) -> None:
    """The file is of one day of its stay; what came in time tells the rest."""
    for day in (6, 4, 3):
        street.sees(bay, -day * DAY, True, heartbeat=True)
    street.sees(bay, -2 * DAY, False)
    street.store.execute("DELETE FROM late_reading")
    street.sees(bay, -WEEK, True)
    street.sees(bay, -WEEK + 60, True, heartbeat=True)
    arrive_late(street, -WEEK, -WEEK + 60)
    work_off(street, 1)
    [(_, _, state, reason, backfilled, opened_at, closed_at)] = cases(street)
    assert (state, reason, backfilled) == ("resolved", "drove_away", True)
    assert (opened_at, closed_at) == (at(-WEEK + 10), at(-2 * DAY + 0.5))


def test_a_crash_in_between_costs_nothing(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bays are taken in portions; what was not finished begins again, and what is there already is not repeated."""
    monkeypatch.setattr("alerts.rules.parking_past._BAYS_AT_ONCE", 1)
    devices = [street.bay(f"LS0{n}-1", station=f"LS0{n}", evses=[f"E{n}"]) for n in (1, 2, 3)]
    street.store.execute("INSERT INTO evse_contact VALUES ('cpo', %s, %s)", at(-30 * DAY), at(120))
    for number, device in enumerate(devices, 1):
        street.point(f"E{number}", -30 * DAY, EvseState.IDLE)
        street.sees(device, -WEEK - 60, False, heartbeat=True)
        last_week(street, device)
    turn(street, late(), 1)
    assert len(cases(street)) == 1
    assert street.store.execute("SELECT id FROM late_reading LIMIT 1"), "until all bays are told"
    assert work_off(street, 2) == 3
    assert [one[0] for one in cases(street)] == ["LS01-1", "LS02-1", "LS03-1"]
    assert len(street.store.execute("SELECT id FROM alert_event")) == 6


def test_only_what_arrives_hours_later_is_late(street: Street) -> None:
    now = street.store.execute("SELECT now() AS now")[0]["now"]
    hours = [now - timedelta(hours=age) for age in (0, 2, 4, 24 * 7)]
    touched = (
        "INSERT INTO rollup_touched (kind, hour) SELECT %s, date_trunc('hour', t) FROM unnest(%s::timestamptz[]) t"
    )
    for kind in ("parking_bay", "tree_moisture"):
        street.store.execute(touched, kind, hours, role=Role.INGEST)
    found = street.store.execute("SELECT kind, hour FROM late_reading ORDER BY hour DESC")
    assert [one["kind"] for one in found] == ["parking_bay"] * 2
    assert [int((now - one["hour"]) / timedelta(hours=1)) for one in found] == [4, 24 * 7]
