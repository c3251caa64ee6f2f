"""What parking sensors say about a bay: a change or a heartbeat is a sighting, a start-up frame or a fault never is."""

from collections.abc import Iterator

import pytest

from decoders.decoder import Decoder
from decoders.errors import DecodeError
from decoders.readings import BayEvent, DeviceHealth, ParkingBay, QualityFlag, Reading
from stadtfunk.kit import rules

from .cases import REGISTRY, Case, cases, uplink

PARKING = [decoder for decoder in REGISTRY.decoders if decoder.kinds[0] is ParkingBay]
COUNTERS = {"nwave_ncc405"}
"""Decoders that know no bay, only vehicles that pass."""
SENSORS = [decoder for decoder in PARKING if decoder.name not in COUNTERS]

every_decoder = pytest.mark.parametrize("decoder", PARKING, ids=lambda decoder: decoder.name)
every_sensor = pytest.mark.parametrize("decoder", SENSORS, ids=lambda decoder: decoder.name)


def test_the_parking_sensors_are_there() -> None:
    makers = {decoder.vendor for decoder in SENSORS}
    assert makers >= {"Bosch", "Nwave", "PNI", "Libelium", "Tekzitel"}


@every_sensor
def test_tells_starts_heartbeats_and_changes_apart(decoder: Decoder) -> None:
    events = {bay.event for case in cases(decoder.name) for bay in bays(decoder, case.payload, case.f_port)}
    assert events >= set(BayEvent)


@every_sensor
def test_sees_a_bay_become_free_and_occupied(decoder: Decoder) -> None:
    seen = {
        (bay.event, bay.occupied) for case in cases(decoder.name) for bay in bays(decoder, case.payload, case.f_port)
    }
    assert seen >= {(BayEvent.CHANGE, True), (BayEvent.CHANGE, False)}


@every_decoder
def test_a_start_is_never_a_sighting_whatever_its_other_bits_say(decoder: Decoder) -> None:
    starts = [case for case in cases(decoder.name) if is_start(decoder, case.payload, case.f_port)]
    assert starts
    assert [problem for case in starts for problem in rules.one_payload(decoder, case.payload, case.f_port)] == []
    variants = [(payload, case.f_port) for case in starts for payload in one_bit_changed(case.payload)]
    still_starts = [variant for variant in variants if is_start(decoder, *variant)]
    assert still_starts
    assert [bay for variant in still_starts for bay in bays(decoder, *variant) if bay.occupied is not None] == []


@every_decoder
def test_a_sighting_comes_without_doubt(decoder: Decoder) -> None:
    """A state with a change or a heartbeat is a sighting; beside a fault a state may be told, as no sighting."""
    for case in cases(decoder.name):
        for payload in (case.payload, *one_bit_changed(case.payload)):
            for bay in bays(decoder, payload, case.f_port):
                doubt = bay.flags & (QualityFlag.STARTUP | QualityFlag.SENSOR_FAULT)
                sighting = bay.occupied is not None and bay.event is not None
                assert not (sighting and doubt), payload.hex()
                assert sighting or bay.occupied is None or doubt == QualityFlag.SENSOR_FAULT, payload.hex()


@every_decoder
def test_gives_one_bay_at_most(decoder: Decoder) -> None:
    assert all(len(bays(decoder, case.payload, case.f_port)) <= 1 for case in cases(decoder.name))


def test_the_vendors_say_that_starts_are_occupied_and_we_do_not() -> None:
    """The rule matters: published start-up frames have the occupancy bit set, and vendors report it."""
    claimed = [case for decoder in PARKING for case in cases(decoder.name) if is_claimed(case)]
    starts = [case for case in claimed if is_start(REGISTRY.by_name(case.decoder), case.payload, case.f_port)]
    assert {case.decoder for case in starts} >= {"nwave_nps310", "nwave_nps405", "tekzitel_tekzipark"}
    for case in starts:
        assert [bay.occupied for bay in bays(REGISTRY.by_name(case.decoder), case.payload, case.f_port)] == [None]


def outsider(uplink_: object, data: object) -> list[Reading]:
    del data
    return [ParkingBay.of(uplink_, occupied=True, event=BayEvent.STARTUP)]


def forgetful(uplink_: object, data: object) -> list[Reading]:
    del data
    return [ParkingBay.of(uplink_, occupied=True, event=BayEvent.CHANGE, flags=QualityFlag.STARTUP)]


@pytest.mark.parametrize("function", [outsider, forgetful])
def test_an_outsiders_sighting_at_start_is_caught(function: object) -> None:
    decoder = Decoder("outsider", 1, "v", "m", function, (ParkingBay, DeviceHealth), "sheet")
    assert any("go together" in problem for problem in rules.one_payload(decoder, b"\x01", 1))


def test_an_outsiders_state_at_start_is_caught() -> None:
    bay = ParkingBay.of(uplink(b"", 1), occupied=False, event=BayEvent.STARTUP, flags=QualityFlag.STARTUP)
    assert list(rules.false_sighting(bay)) == ["a start-up frame is no sighting: occupied must be None"]


def bays(decoder: Decoder, payload: bytes, f_port: int) -> list[ParkingBay]:
    """The bays of a payload; none of one that is refused."""
    try:
        readings = decoder.decode(uplink(payload, f_port)).readings
    except DecodeError:
        return []
    return [reading for reading in readings if isinstance(reading, ParkingBay)]


def is_start(decoder: Decoder, payload: bytes, f_port: int) -> bool:
    return any(bay.event is BayEvent.STARTUP for bay in bays(decoder, payload, f_port))


def is_claimed(case: Case) -> bool:
    vendor = case.vendor or {}
    return bool(vendor.get("occupied") or vendor.get("parking_slot_status"))


def one_bit_changed(payload: bytes) -> Iterator[bytes]:
    number = int.from_bytes(payload, "big")
    for bit in range(8 * len(payload)):
        yield (number ^ 1 << bit).to_bytes(len(payload), "big")
