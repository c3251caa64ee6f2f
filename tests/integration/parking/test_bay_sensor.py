"""Tickets for sensors: a look at the bays with news gives what a look at all bays would, whatever happens when."""

from random import Random

import pytest

from alerts.calendar import Calendar
from alerts.charging.status import EvseState
from alerts.policy import Policy
from alerts.reconcile import reconcile
from alerts.rules.bay_sensor import BaySensor, BaySensorSettings
from storage.database import Role
from tests.integration.parking.street import Street, at
from tests.integration.storage.conftest import plain_store

SETTINGS = BaySensorSettings.model_validate({"kind": "bay_sensor", "timers": {"stuck": "45m"}})
TOLD = "subject, occurrence, code, state, reason, since, closed_at"


@pytest.fixture(scope="module")
def migrated(postgres, migrated_template):
    with plain_store(postgres, migrated_template) as store:
        yield store


def sensor(name: str = "bay_sensor") -> BaySensor:
    return BaySensor(name, SETTINGS, Calendar())


def turn(street: Street, rule: BaySensor, minute: float):
    """One turn of the rule, as the engine takes it."""

    async def take(connection):
        async with connection.transaction():
            findings = await rule.evaluate(connection, at(minute))
            await reconcile(connection, findings, at(minute), policy=Policy())
            return findings

    return street.store.run(take, role=Role.ALERTS)


def tickets(street: Street, rule: str) -> list[dict]:
    return street.store.execute(f"SELECT {TOLD} FROM alert WHERE rule = %s ORDER BY subject, occurrence", rule)


@pytest.mark.parametrize("seed", range(2))
def test_looking_at_news_is_looking_at_everything(street, seed):
    chance = Random(seed)
    bays = {street.bay(f"LS0{n}-1", station=f"LS0{n}", evses=[f"E{n}"]): f"E{n}" for n in (1, 2, 3)}
    for device, evse in bays.items():
        street.sees(device, -300, False, heartbeat=True)
        street.point(evse, -300, EvseState.IDLE)
    street.linked(-300, 700)
    some, minute, states = sensor("some"), 0.0, dict.fromkeys(bays, False)
    while minute < 600:
        device = chance.choice(list(bays))
        burst = chance.choice((0, 0, 1, 1, 5))
        for _ in range(burst):
            states[device] = not states[device]
            minute += chance.uniform(0.3, 1.5)
            street.sees(device, minute, states[device])
        if not burst and chance.random() < 0.5:
            street.point(bays[device], minute, chance.choice((EvseState.IN_USE, EvseState.IDLE)))
        minute += chance.choice((0.2, 2.0, 11.0, 50.0))
        turn(street, some, minute)
        turn(street, sensor("all"), minute)
        assert tickets(street, "some") == tickets(street, "all"), f"at minute {minute}"
    assert {one["code"] for one in tickets(street, "all")} == {"SENSOR_FLAPPING", "SENSOR_STUCK"}
    assert {one["state"] for one in tickets(street, "all")} >= {"resolved"}


def test_only_bays_with_news_are_looked_at_and_all_of_them_within_the_hour(street):
    devices = [street.bay(f"LS0{n}-1", station=f"LS0{n}", evses=[f"E{n}"]) for n in (1, 2, 3)]
    for device in devices:
        street.sees(device, -30, False, heartbeat=True)
    rule, everything = sensor(), {"LS01-1", "LS02-1", "LS03-1"}
    assert turn(street, rule, 0).subjects == everything
    assert turn(street, rule, 1).subjects == set()
    street.sees(devices[1], 1.5, True)
    found = turn(street, rule, 2)
    assert (found.subjects, found.next_due) == ({"LS02-1"}, at(2.5)), "then it will have stood there for a minute"
    assert turn(street, rule, 2.5).subjects == {"LS02-1"}
    assert turn(street, rule, 20).subjects == set()
    seen = {key for minute in range(21, 63) for key in turn(street, rule, minute).subjects}
    assert seen == everything


def test_a_long_look_is_taken_in_parts(street, monkeypatch):
    monkeypatch.setattr("alerts.rules.bay_sensor._AT_ONCE", 2)
    for number in range(5):
        street.bay(f"LS0{number}-1", station=f"LS0{number}", evses=[f"E{number}"])
    rule = sensor()
    looks = [turn(street, rule, 0) for _ in range(4)]
    assert [len(one.subjects) for one in looks] == [2, 2, 1, 0]
    assert [one.next_due <= at(0) for one in looks[:3]] == [True, True, False]


def test_a_sensor_at_a_car_that_charges_is_not_stuck(street):
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    street.point("E1", -60, EvseState.IDLE)
    street.linked(-60, 200)
    street.sees(device, -60, False, heartbeat=True)
    street.sees(device, 0, True)
    street.point("E1", 10, EvseState.IN_USE)
    for minute in range(60, 180, 60):
        street.sees(device, minute, True, heartbeat=True)
    assert turn(street, sensor(), 150).findings == ()
