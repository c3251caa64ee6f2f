"""The rule on real tables: the same stories as the pure core tells, and only of the bays that may have changed."""

import pytest

from alerts.calendar import Calendar
from alerts.charging.status import EvseState, StatusEvent
from alerts.rules.bay_sensor import BaySensor, BaySensorSettings
from alerts.rules.wrong_parking import WrongParking, WrongParkingSettings

from .street import Street, at

A, B = "DEMZXELS011", "DEMZXELS012"


def rule(**options: object) -> WrongParking:
    return WrongParking("wrong_parking", WrongParkingSettings(kind="wrong_parking"), Calendar(), **options)


@pytest.fixture
def bays(street: Street) -> tuple[str, str]:
    """Two bays with a charge point each, free for an hour, and an operator in contact for two hours."""
    devices = (
        street.bay("LS01-1", station="LS01", evses=["DE*MZX*ELS01*1"]),
        street.bay("LS01-2", station="LS01", evses=["DE*MZX*ELS01*2"]),
    )
    for device, evse in zip(devices, (A, B), strict=True):
        street.sees(device, -300, False, heartbeat=True)
        street.sees(device, -60, False, heartbeat=True)
        street.point(evse, -120, EvseState.IDLE)
    street.linked(-120, 120)
    return devices


def test_a_car_that_does_not_charge_is_found_with_its_evidence(street, bays):
    street.sees(bays[0], 0, True)
    assert street.evaluate(rule(), 11).findings == ()
    [found] = street.evaluate(rule(), 12).findings
    assert (found.subject, found.code) == ("LS01-1", "V1_NO_CHARGE")
    assert (found.since, found.due_at) == (at(0), at(10))
    assert found.confidence == 80
    assert found.facts["evses"] == [A]
    assert [one["occupied"] for one in found.evidence["uplinks"]] == [False, True]
    assert [one["status"] for one in found.evidence["statuses"]] == ["IDLE"]
    assert [step["state"] for step in found.evidence["transitions"]] == ["ARRIVED", "SUSPECT", "VIOLATION"]


def test_it_ends_when_the_car_leaves_or_charges(street, bays):
    street.sees(bays[0], 0, True)
    street.sees(bays[1], 0, True)
    street.sees(bays[0], 30, False)
    street.point(B, 40, EvseState.IN_USE)
    ended = {one.subject: one.ended for one in street.evaluate(rule(), 50).findings}
    assert (ended["LS01-1"].reason, ended["LS01-1"].at) == ("drove_away", at(30.5))
    assert (ended["LS01-2"].reason, ended["LS01-2"].at) == ("charging_started", at(41))


def test_only_bays_with_news_or_whose_time_has_come_are_looked_at(street, bays):
    looking = rule()
    assert street.evaluate(looking, 1).subjects == {"LS01-1", "LS01-2"}
    assert street.evaluate(looking, 2).subjects == set()
    street.sees(bays[1], 3, True)
    assert street.evaluate(looking, 3.1).subjects == {"LS01-2"}
    due = street.evaluate(looking, 3.2).next_due
    assert due is not None
    assert at(3.2) < due <= at(13)
    [found] = street.evaluate(looking, 14.6).findings
    assert found.subject == "LS01-2"


def test_late_news_of_an_old_time_is_found(street, bays):
    looking = rule()
    street.sees(bays[0], 0, True)
    assert len(street.evaluate(looking, 20).findings) == 1
    street.sees(bays[0], 9, False)
    late = street.evaluate(looking, 29)
    assert late.subjects == {"LS01-1"}
    assert late.findings == ()
    assert late.explains_ends


def test_the_charge_point_is_asked_again_before_a_case_opens(street, bays):
    class Asked:
        def __init__(self) -> None:
            self.evses: list[str] = []

        async def recheck(self, evse_key: str) -> StatusEvent | None:
            self.evses.append(evse_key)
            return None

    operator = Asked()
    street.sees(bays[0], 0, True)
    looking = rule(recheck=operator)
    assert street.evaluate(looking, 11.4).findings == ()
    assert operator.evses == [A]
    street.point(A, 11.4, EvseState.IN_USE)
    assert street.evaluate(looking, 12).findings == ()
    assert operator.evses == [A], "once for each case"


def test_bays_without_charge_points_of_their_own_are_one_case(street):
    first = street.bay("LS09-1", station="LS09", evses=["E1", "E2"], mapping="GROUP")
    second = street.bay("LS09-2", station="LS09", evses=["E1", "E2"], mapping="GROUP")
    for evse in ("E1", "E2"):
        street.point(evse, -120, EvseState.IDLE)
    street.linked(-120, 120)
    street.sees(first, 0, True)
    street.point("E1", 3, EvseState.IN_USE)
    street.sees(second, 5, True)
    [found] = street.evaluate(rule(), 30).findings
    assert (found.subject, found.facts["candidates"]) == ("LS09", ["LS09-2"])


def test_signs_of_a_bay_go_before_those_of_all(street):
    device = street.bay("LS02-1", station="LS02", evses=["E9"], signs=[{"regime": "NONE"}])
    street.point("E9", -120, EvseState.IDLE)
    street.linked(-120, 120)
    street.sees(device, 0, True)
    assert street.evaluate(rule(), 60).findings == ()


def test_replaying_a_time_gives_what_the_engine_found(street, bays):
    street.sees(bays[0], 0, True)
    street.sees(bays[0], 30, False)
    live = street.evaluate(rule(), 60).findings
    assert street.evaluate(rule(), 60, since=-10).findings == live


def test_a_flapping_sensor_is_a_ticket(street, bays):
    for step in range(6):
        street.sees(bays[0], step, step % 2 == 0)
    looking = BaySensor("bay_sensor", BaySensorSettings(kind="bay_sensor"), Calendar())
    [ticket] = street.evaluate(looking, 8).findings
    assert (ticket.subject, ticket.code) == ("LS01-1", "SENSOR_FLAPPING")
