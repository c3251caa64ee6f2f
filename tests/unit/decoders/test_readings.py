"""`Reading.of`: the one door through which values pass, and the fast way through it."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from decoders.readings import (
    KINDS,
    BayEvent,
    DeviceHealth,
    HeatMeter,
    ParkingBay,
    QualityFlag,
    Reading,
    TreeCrown,
    TreeMoisture,
    whole_second,
)
from decoders.uplink import Uplink, UplinkFlag

from .cases import AT, uplink

MESSAGE = uplink(b"", 2)
EXAMPLES: list[tuple[type[Reading], dict[str, object]]] = [
    (TreeMoisture, {"soil_moisture": 19.5, "soil_temperature": None}),
    (TreeCrown, {"stress_index": 64.0, "resistance": 118.5, "light": None}),
    (HeatMeter, {"energy": 12.0, "error_code": 3, "meter_time": AT}),
    (ParkingBay, {"occupied": True, "event": BayEvent.CHANGE, "previous_duration": 4.0}),
    (DeviceHealth, {"firmware": "1.2", "battery_level": 50.0, "external_power": False}),
]


@pytest.mark.parametrize(("kind", "values"), EXAMPLES, ids=lambda part: getattr(part, "kind", ""))
def test_the_fast_way_builds_what_pydantic_builds(kind: type[Reading], values: dict[str, object]) -> None:
    common = {"device": MESSAGE.dev_eui, "subject": "7", "channel": 2, "flags": QualityFlag.HISTORY}
    fast = kind.of(MESSAGE, values, subject="7", channel=2, flags=QualityFlag.HISTORY)
    validated = kind(observed_at=AT.replace(microsecond=0), **common, **values)
    assert fast == validated
    assert fast.__dict__ == validated.__dict__
    assert list(fast.__dict__) == list(kind.model_fields)
    assert fast.model_fields_set == validated.model_fields_set
    assert fast.model_dump_json() == validated.model_dump_json()
    assert hash(fast) == hash(validated)
    assert fast.model_copy() == validated
    with pytest.raises(ValidationError):
        fast.channel = 1


def test_values_come_by_keyword_or_as_a_mapping() -> None:
    assert TreeMoisture.of(MESSAGE, {"soil_moisture": 1.0}) == TreeMoisture.of(MESSAGE, soil_moisture=1.0)


@pytest.mark.parametrize("value", [101.0, -11.0, float("nan"), float("inf"), 10**400])
def test_an_implausible_value_becomes_none_with_a_flag(value: float) -> None:
    reading = TreeMoisture.of(MESSAGE, soil_moisture=value, soil_temperature=3.0)
    assert reading.soil_moisture is None
    assert reading.soil_temperature == 3.0
    assert reading.flags == QualityFlag.OUT_OF_RANGE


@pytest.mark.parametrize("edge", [-10.0, 100.0])
def test_the_ends_of_a_range_are_plausible(edge: float) -> None:
    assert TreeMoisture.of(MESSAGE, soil_moisture=edge).flags == QualityFlag(0)


def test_an_open_range_still_wants_finite_numbers() -> None:
    assert HeatMeter.of(MESSAGE, error_code=2**40).error_code == 2**40


def test_other_types_are_left_to_pydantic() -> None:
    reading = TreeMoisture.of(MESSAGE, soil_moisture=5)
    assert type(reading.soil_moisture) is float
    assert ParkingBay.of(MESSAGE, event="change").event is BayEvent.CHANGE


@pytest.mark.parametrize(
    "values", [{"nonsense": 1.0}, {"nonsense": None}, {"soil_moisture": "wet"}, {"soil_moisture": [1.0]}]
)
def test_unknown_fields_and_wrong_types_are_errors(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TreeMoisture.of(MESSAGE, values)


@pytest.mark.parametrize("common", [{"subject": 7}, {"channel": "x"}])
def test_wrong_common_fields_are_errors(common: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TreeMoisture.of(MESSAGE, soil_moisture=1.0, **common)


def test_time_is_rounded_down_to_the_second() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)
    assert TreeMoisture.of(MESSAGE, observed_at=at).observed_at == at.replace(microsecond=0)
    assert whole_second(at) == whole_second(at) == at.replace(microsecond=0)
    assert whole_second(at + timedelta(seconds=1)) == at.replace(second=6, microsecond=0)


@pytest.mark.parametrize(
    ("flags", "observed"),
    [
        (UplinkFlag(0), AT - timedelta(seconds=2)),
        (UplinkFlag.CONFIRMED | UplinkFlag.ADR, AT - timedelta(seconds=2)),
        (UplinkFlag.CLOCK, AT),
        (UplinkFlag.CLOCK | UplinkFlag.CONFIRMED, AT),
    ],
)
def test_the_devices_time_counts_unless_its_clock_is_wrong(flags: UplinkFlag, observed: datetime) -> None:
    message = uplink(b"", 2, event_time=AT - timedelta(seconds=2), flags=flags)
    assert message.observed_at == observed
    assert TreeMoisture.of(message).observed_at == observed.replace(microsecond=0)


def test_without_an_event_time_the_network_servers_counts() -> None:
    message: Uplink = uplink(b"", 2)
    assert message.observed_at == AT


def test_every_kind_can_be_built_empty() -> None:
    for kind in KINDS:
        assert kind.of(MESSAGE).flags == QualityFlag(0)
