"""What the demo's officers do: they know the truth, work in their shift, and give up when the car is gone."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from alerts.calendar import Calendar
from alerts.model import Ended, Finding, Severity, SubjectKind
from alerts.parking.verdict import Code
from alerts.wishes import Action, Outcome
from stadtfunk.demo.parking import Stay
from stadtfunk.demo_past import NOTE, OFFICERS, BayPast, Car, visit

TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LONG = timedelta(hours=4)


def finding(number: int, *, lasts: timedelta = LONG, code: Code = Code.V1_NO_CHARGE, at: datetime = TUESDAY) -> Finding:
    return Finding(
        subject="B1",
        subject_kind=SubjectKind.BAY,
        occurrence=f"B1@{number}",
        code=code,
        severity=Severity.WARNING,
        since=at,
        due_at=at + timedelta(minutes=10),
        facts={"bay": "B1"},
        ended=Ended(at + lasts, "drove_away"),
    )


def car(stay: Stay, *, plugged: bool = False, lasts: timedelta = LONG) -> Car:
    left = TUESDAY + lasts
    return Car("B1", stay, TUESDAY, left, TUESDAY if plugged else None, left if plugged else None)


def visits(cars, **options) -> list:
    found = (list(visit(finding(number, **options), TUESDAY, cars, Calendar())) for number in range(300))
    return [steps for steps in found if steps]


def outcomes(cars, **options) -> Counter:
    return Counter(steps[-1][1].outcome for steps in visits(cars, **options))


def test_a_visit_is_the_whole_way_in_its_order_and_marked_as_simulated():
    found = visits([car(Stay.COMBUSTION)])
    assert 130 < len(found) < 230
    for steps in found:
        assert [wish.action for _, wish in steps] == [
            Action.ACKNOWLEDGE, Action.DISPATCH, Action.ON_SITE, Action.CLOSE,
        ]  # fmt: skip
        assert [at for at, _ in steps] == sorted(at for at, _ in steps)
        assert {wish.actor for _, wish in steps} <= set(OFFICERS)
        assert steps[-1][1].note == NOTE


def test_what_they_find_is_the_truth():
    assert set(outcomes([])) == {Outcome.KEIN_FAHRZEUG}
    assert set(outcomes([car(Stay.CHARGING, plugged=True)])) == {Outcome.FAHRZEUG_LAEDT_DOCH}
    assert set(outcomes([car(Stay.DEAD_CHARGER)])) == {Outcome.SAEULE_DEFEKT}
    assert outcomes([car(Stay.COMBUSTION)]).most_common(1)[0][0] is Outcome.BUSSGELD_ANZEIGE
    assert set(outcomes([car(Stay.UNPLUGGED)])) == {
        Outcome.VERWARNUNG_ERTEILT, Outcome.ERMAHNUNG, Outcome.BERECHTIGT,
    }  # fmt: skip


def test_a_car_that_stays_too_long_is_no_false_alarm_though_it_charges():
    found = outcomes([car(Stay.CHARGING, plugged=True)], code=Code.V3_MAX_STAY)
    assert set(found) == {Outcome.VERWARNUNG_ERTEILT, Outcome.ERMAHNUNG}
    assert sum(found.values()) < 100


def test_they_stop_when_the_car_is_gone():
    found = visits([car(Stay.COMBUSTION)], lasts=timedelta(minutes=15))
    assert all(at < TUESDAY + timedelta(minutes=15) for steps in found for at, _ in steps)
    assert any(len(steps) < 4 for steps in found)


def test_nobody_works_outside_the_shift():
    sunday = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert not [step for number in range(100) for step in visit(finding(number), sunday, [], Calendar())]


def test_the_same_case_has_the_same_visit():
    assert visits([car(Stay.COMBUSTION)]) == visits([car(Stay.COMBUSTION)])


def test_the_simulators_json_is_read():
    stay = {
        "bay": "B1", "stay": "charging", "arrived_at": "2026-11-24T09:00:00+00:00",
        "left_at": "2026-11-24T10:00:00+00:00", "plugged_at": "2026-11-24T09:05:00+00:00",
        "unplugged_at": "2026-11-24T09:50:00+00:00",
    }  # fmt: skip
    found = BayPast.read({"statuses": [], "contacts": [["a", "b"]], "stays": [stay, {**stay, "plugged_at": None}]})
    first, second = found.cars
    assert first.charges(TUESDAY + timedelta(minutes=5))
    assert not first.charges(TUESDAY + timedelta(minutes=55))
    assert second.plugged_at is None
