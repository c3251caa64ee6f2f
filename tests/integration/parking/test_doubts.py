"""What makes a case less certain, from real tables, and swaps of sensors and charge points under a vehicle."""

from datetime import timedelta

import pytest

from alerts.calendar import Calendar
from alerts.charging.status import EvseState
from alerts.charging.store import sync_bays
from alerts.model import Finding
from alerts.parking.confidence import Doubt
from alerts.rules.wrong_parking import WrongParking, WrongParkingSettings
from decoders.readings import DeviceHealth
from tests.integration.statistics.city import add_case

from .street import Street, at

HOUR = timedelta(hours=1)


def rule(**options: object) -> WrongParking:
    settings = WrongParkingSettings.model_validate({"kind": "wrong_parking", "learning_changes": 2, **options})
    return WrongParking("wrong_parking", settings, Calendar())


@pytest.fixture
def sensor(street: Street) -> str:
    """A bay whose sensor has learned its place; a car comes at noon and is confirmed at 12:01."""
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    for minute in (-3000, -2900):
        street.sees(device, minute, minute == -3000)
    for minute in (-250, -190, -130, -70, -10):
        street.sees(device, minute, False, heartbeat=True)
    street.point("E1", -120, EvseState.IDLE)
    street.linked(-120, 120)
    street.sees(device, 0, True)
    street.sees(device, 1, True, heartbeat=True)
    return device


def found(street: Street, minute: float = 30, looking: WrongParking | None = None) -> Finding:
    [one] = street.evaluate(looking or rule(), minute).findings
    return one


def doubts(one: Finding) -> dict[str, int]:
    return {part["reason"]: part["change"] for part in one.facts["confidence_parts"]}


def test_a_sensor_that_has_learned_its_place_leaves_no_doubt(street, sensor):
    assert doubts(found(street)) == {}
    assert doubts(found(street, looking=rule(learning_changes=4))) == {Doubt.LEARNING: -15}


def test_a_sensor_that_was_started_within_a_day_is_doubted(street, sensor):
    street.sees(sensor, -1000, None)
    assert doubts(found(street)) == {Doubt.LEARNING: -15}


def test_a_start_of_more_than_a_day_ago_is_forgotten(street, sensor):
    street.sees(sensor, -24 * 60 - 1, None)
    assert doubts(found(street)) == {}


def test_a_low_battery_counts_until_a_better_word(street, sensor):
    street.store.add([DeviceHealth(device=sensor, observed_at=at(-300), battery_level=19)])
    assert doubts(found(street)) == {Doubt.BATTERY_LOW: -10}
    street.store.add([DeviceHealth(device=sensor, observed_at=at(-60), battery_level=80, battery_low=False)])
    assert doubts(found(street)) == {}
    street.store.add([DeviceHealth(device=sensor, observed_at=at(-5), battery_low=True)])
    assert doubts(found(street)) == {Doubt.BATTERY_LOW: -10}


def make(street: Street, device: str, decoder: str) -> None:
    """Say which decoder the device's messages are read by."""
    street.store.execute(
        "INSERT INTO decoder_version (name, version) VALUES (%s, 1) ON CONFLICT (name, version, file_hash) DO NOTHING",
        decoder,
    )
    street.store.execute(
        "UPDATE parking_bay SET decoder_id = (SELECT id FROM decoder_version WHERE name = %s)"
        " WHERE device_id = (SELECT id FROM device WHERE dev_eui = %s)",
        decoder,
        device,
    )


def bind(street: Street, key: str, device: str, *, start: object = "-infinity") -> str:
    """A further sensor of a bay."""
    street.store.execute("INSERT INTO device (dev_eui) VALUES (%s)", device)
    street.store.execute(
        "INSERT INTO asset_device (asset_id, device_id, valid_from)"
        " SELECT a.id, d.id, %s FROM asset a, device d WHERE a.key = %s AND d.dev_eui = %s",
        start,
        key,
        device,
    )
    return device


def test_a_second_sensor_of_another_make_confirms_and_never_decides(street, sensor):
    second = bind(street, "LS01-1", "00000000000000e2")
    street.sees(second, -40, False, heartbeat=True)
    street.sees(second, 15, True)
    street.sees(second, 40, False)
    for device, decoder in ((sensor, "radar"), (second, "magnet")):
        make(street, device, decoder)
    assert doubts(found(street, 12)) == {}
    one = found(street, 30)
    assert (doubts(one), one.confidence) == ({Doubt.SECOND_SENSOR: 10}, 100)
    late = found(street, 60)
    assert (doubts(late), late.ended) == ({}, None), "the bay's own sensor says that the car is still there"
    make(street, second, "radar")
    assert doubts(found(street, 30)) == {}, "the same make has the same faults"


def test_what_people_found_before_the_car_came_counts_and_nothing_later(street, sensor):
    for hours in (30, 20, 10):
        add_case(street.store, "LS01-1", at(0) - hours * HOUR, outcome="KEIN_FAHRZEUG", taken=1, minutes=20)
    before = doubts(found(street))
    assert set(before) == {Doubt.IMPRECISE}
    add_case(street.store, "LS01-1", at(20), outcome="KEIN_FAHRZEUG", taken=1, minutes=5)
    assert doubts(found(street)) == before, "known after the car came"
    add_case(street.store, "LS01-1", at(0) - 5 * HOUR, outcome="FAHRZEUG_LAEDT_DOCH", taken=1, minutes=5)
    assert doubts(found(street))[Doubt.IMPRECISE] < before[Doubt.IMPRECISE]


def test_a_new_sensor_does_not_answer_for_the_old_ones_mistakes(street, sensor):
    for hours in (30, 28, 26):
        add_case(street.store, "LS01-1", at(0) - hours * HOUR, outcome="KEIN_FAHRZEUG", taken=1, minutes=20)
    assert Doubt.IMPRECISE in doubts(found(street))
    street.store.execute("UPDATE asset_device SET valid_to = %s", at(-1000))
    new = bind(street, "LS01-1", "00000000000000e3", start=at(-1000))
    street.sees(new, -5, False, heartbeat=True)
    street.sees(new, 0, True)
    street.sees(new, 1, True, heartbeat=True)
    assert doubts(found(street)) == {Doubt.LEARNING: -15}


def test_a_neighbour_counts_also_when_nothing_else_is_new_of_it(street, sensor):
    """A look at the bay with news says what a look at all bays says."""
    neighbour = street.bay("LS01-2", station="LS01", evses=["E2"])
    looking = rule()
    street.sees(neighbour, 1.5, True)
    street.evaluate(looking, 2)
    one = found(street, 12, looking)
    assert (one.subject, doubts(one)) == ("LS01-1", {Doubt.NEIGHBOUR: -10})


def test_a_sensor_swapped_under_a_car_mixes_nothing(street, sensor):
    """Four minutes by the old one; it is carried away and still talks. The new one sees the car at minute 60."""
    street.store.execute("UPDATE asset_device SET valid_to = %s", at(4))
    new = bind(street, "LS01-1", "00000000000000e4", start=at(4))
    street.sees(sensor, 20, False)
    assert street.evaluate(rule(), 50).findings == ()
    street.sees(new, 60, True, heartbeat=True)
    one = found(street, 80)
    assert (one.since, one.due_at) == (at(0), at(66))


def test_a_charge_point_replaced_under_a_car_is_judged_by_its_own_time(street, sensor):
    def sync(minute: float) -> None:
        street.store.run(lambda connection: sync_bays(connection, at(minute)))

    sync(-1000)
    street.point("E1", 2, EvseState.IN_USE)
    street.store.execute('UPDATE asset SET attributes = attributes || \'{"evses": ["E9"]}\'')
    sync(40)
    street.point("E9", -60, EvseState.IDLE)
    street.point("E1", 45, EvseState.IDLE)
    street.linked(-60, 200)
    assert street.evaluate(rule(), 39).findings == (), "it charged at the old one"
    one = found(street, 70)
    assert (one.code, one.due_at) == ("V2_AFTER_CHARGE", at(55))
    assert one.facts["evses"] == ["E1", "E9"]
