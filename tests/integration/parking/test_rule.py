"""The rule on real tables: the same stories as the pure core tells, and only of the bays that may have changed."""

import pytest

from alerts.calendar import Calendar
from alerts.charging.status import RECHECK, EvseState, StatusEvent
from alerts.charging.store import record_statuses
from alerts.rules.bay_sensor import BaySensor, BaySensorSettings
from alerts.rules.registry import make_past
from alerts.rules.wrong_parking import WrongParking, WrongParkingSettings
from storage.database import connect

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
    assert found.confidence == 65, "told once, by a sensor that is new to its place"
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


@pytest.fixture
def two_connections(street: Street) -> None:
    """The answer is stored while the turn holds its connection."""
    if street.store.timescale:
        pytest.skip("TimescaleDB of these tests serves one connection at a time")


class Operator:
    """Answers when asked, through the same tables as the real one, after `now` of the turn; or fails."""

    def __init__(self, street: Street, state: EvseState | None) -> None:
        self.street, self.state, self.asked = street, state, 0

    async def recheck(self, evse_key: str) -> StatusEvent | None:
        self.asked += 1
        if self.state is None:
            raise TimeoutError
        event = StatusEvent(evse_key, at(15.02), at(15.02), RECHECK, self.state)
        async with await connect(self.street.store.settings) as connection:
            await record_statuses(connection, [event])
        return event


@pytest.mark.usefixtures("two_connections")
@pytest.mark.parametrize("state", [EvseState.UNKNOWN, EvseState.IN_USE, EvseState.DOWN])
def test_the_answer_counts_in_the_turn_that_asked(street, bays, state):
    """Polls every few minutes prove a case late: it is due when it is seen, and the answer is newer than the turn."""
    street.sees(bays[0], 0, True)
    operator = Operator(street, state)
    looking = rule(recheck=operator)
    assert street.evaluate(looking, 15).findings == ()
    assert operator.asked == 1


@pytest.mark.usefixtures("two_connections")
def test_without_an_answer_in_time_no_case_opens_and_the_operator_is_asked_again(street, bays):
    street.sees(bays[0], 0, True)
    operator = Operator(street, None)
    looking = rule(recheck=operator)
    found = street.evaluate(looking, 15)
    assert found.findings == ()
    assert "LS01-1" not in found.subjects, "nothing is said of it"
    assert found.next_due is not None
    operator.state = EvseState.IDLE
    [case] = street.evaluate(looking, 15.2).findings
    assert (case.due_at, operator.asked) == (at(10), 2)


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


def test_a_bay_out_of_service_is_not_judged_and_unreadable_signs_cost_only_their_bay(street):
    closed = [{"from": "2026-11-24T00:00:00+01:00", "to": "2026-11-25T00:00:00+01:00", "reason": "Baustelle"}]
    odd = [{"regime": "SOMETHING"}]
    cars = [
        street.bay("LS03-1", station="LS03", evses=["E1"], out_of_service=closed),
        street.bay("LS04-1", station="LS04", evses=["E2"], signs=odd),
        street.bay("LS05-1", station="LS05", evses=["E3"]),
    ]
    for device, evse in zip(cars, ("E1", "E2", "E3"), strict=True):
        street.point(evse, -120, EvseState.IDLE)
        street.sees(device, 0, True)
    street.linked(-120, 120)
    assert [one.subject for one in street.evaluate(rule(), 30).findings] == ["LS05-1"]


def test_replaying_a_time_gives_what_the_engine_found(street, bays):
    street.sees(bays[0], 0, True)
    street.sees(bays[0], 30, False)
    live = street.evaluate(rule(), 60).findings

    async def replay(connection):
        past = make_past("wrong_parking", WrongParkingSettings(kind="wrong_parking"))
        return [one async for part in past.history(connection, at(-10), at(60)) for one in part.findings]

    assert tuple(street.store.run(replay)) == live


def test_a_flapping_sensor_is_a_ticket(street, bays):
    for step in range(6):
        street.sees(bays[0], step, step % 2 == 0)
    looking = BaySensor("bay_sensor", BaySensorSettings(kind="bay_sensor"), Calendar())
    [ticket] = street.evaluate(looking, 8).findings
    assert (ticket.subject, ticket.code) == ("LS01-1", "SENSOR_FLAPPING")


def test_what_a_group_shared_long_ago_is_still_known(street):
    """A bay is read from its last departure on; what its neighbours did since then decides who is meant."""
    first = street.bay("LS09-1", station="LS09", evses=["E1", "E2"], mapping="GROUP")
    second = street.bay("LS09-2", station="LS09", evses=["E1", "E2"], mapping="GROUP")
    for evse in ("E1", "E2"):
        street.point(evse, -300, EvseState.IDLE)
    street.linked(-300, 700)
    for device in (first, second):
        street.sees(device, -200, False, heartbeat=True)
    street.sees(first, 0, True)
    for minute in range(60, 660, 60):
        street.sees(first, minute, True, heartbeat=True)
    street.sees(second, 90, True)
    street.point("E1", 93, EvseState.IN_USE)
    street.point("E1", 140, EvseState.IDLE)
    street.sees(second, 145, False)
    for minute in range(200, 660, 60):
        street.sees(second, minute, False, heartbeat=True)
    [early] = street.evaluate(rule(), 100).findings
    [late] = street.evaluate(rule(), 600).findings
    assert (early.due_at, early.occurrence) == (late.due_at, late.occurrence)
    assert late.ended is None
    assert "V2_AFTER_CHARGE" not in late.codes, "the session was the neighbour's"


def test_a_bounce_of_hours_ago_makes_no_new_case(street, bays):
    street.sees(bays[0], 0, True)
    [before] = street.evaluate(rule(), 30).findings
    street.sees(bays[0], 60, False)
    street.sees(bays[0], 60.8, True)
    for minute in range(120, 420, 60):
        street.sees(bays[0], minute, True, heartbeat=True)
    street.linked(121, 400)
    [after] = street.evaluate(rule(), 390).findings
    assert after.occurrence == before.occurrence


def test_a_silent_source_of_one_point_accuses_nobody(street):
    """E1's operator is polled, E2's has been silent since long ago: nobody knows whether the car charges there."""
    device = street.bay("LS09-1", station="LS09", evses=["E1", "E2"], mapping="group")
    street.sees(device, -200, False, heartbeat=True)
    street.point("E1", -120, EvseState.IDLE)
    street.point("E2", -120, EvseState.IDLE, source="other")
    street.linked(-120, -100, source="other")
    street.linked(-120, 120)
    street.sees(device, 0, True)
    assert street.evaluate(rule(), 60).findings == ()
    street.linked(61, 120, source="other")
    [found] = street.evaluate(rule(), 80).findings
    assert found.due_at == at(71)
