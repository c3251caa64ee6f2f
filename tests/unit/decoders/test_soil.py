"""The formulas of soil probes against published and separately computed values, and the datalog's times."""

from datetime import UTC, datetime, timedelta

import pytest

from decoders.datalog import logged
from decoders.reader import ByteReader
from decoders.readings import QualityFlag, TreeMoisture
from decoders.soil import teros_moisture, teros_permittivity, topp, watermark

from .cases import AT, uplink

NONE = QualityFlag(0)


@pytest.mark.parametrize(
    ("kilo_ohm", "celsius", "kilo_pascal"),
    [(0.55, 24, 8.3), (1, 24, 10.4), (5, 20, 28.4), (8, 20, 43.7), (10, 20, 54.7), (15, 20, 85.3)],
)
def test_watermark_gives_the_tensions_of_the_city_sheet(kilo_ohm: float, celsius: float, kilo_pascal: float) -> None:
    tension, flags = watermark(1000 * kilo_ohm, celsius)
    assert tension == pytest.approx(kilo_pascal, abs=0.06)
    assert flags == NONE


def test_colder_soil_is_wetter_than_the_resistance_alone_says() -> None:
    tensions = [watermark(21_591, celsius).value for celsius in (5, 10, 15, 20, 24)]
    assert None not in tensions
    assert tensions == sorted(tensions)
    assert tensions[-1] / tensions[1] == pytest.approx(4 / 3, abs=0.02)


def test_without_a_temperature_24_degrees_are_assumed_and_said() -> None:
    assert watermark(5000).value == watermark(5000, 24).value
    assert watermark(5000).flags == QualityFlag.ESTIMATED


@pytest.mark.parametrize(
    ("ohm", "celsius", "flag"),
    [
        (19, 10, QualityFlag.SENSOR_FAULT),
        (0, None, QualityFlag.SENSOR_FAULT),
        (10_230_005, 10, QualityFlag.NO_SENSOR),
        (5000, -0.1, QualityFlag.FROZEN),
        (40_000, 20, QualityFlag.OUT_OF_RANGE),
        (90_000, 20, QualityFlag.OUT_OF_RANGE),  # past the pole of the formula, where it turns negative
    ],
)
def test_what_is_no_tension_is_none_with_its_reason(ohm: float, celsius: float | None, flag: QualityFlag) -> None:
    assert watermark(ohm, celsius) == (None, flag)


def test_every_tension_lies_on_the_sensors_scale_and_grows_with_the_resistance() -> None:
    for celsius in range(41):
        found = [watermark(ohm, celsius) for ohm in range(200, 1_000_000, 500)]
        tensions = [one.value for one in found if one.value is not None]
        assert tensions == sorted(tensions)
        assert 0 < tensions[0] < tensions[-1] <= 239
        assert all((one.value is None) == bool(one.flags) for one in found)


@pytest.mark.parametrize(
    ("permittivity", "moisture"), [(1.1, -2.15397767), (3.0, 2.97661), (20.0, 34.54), (40.0, 51.02), (80.0, 96.46)]
)
def test_topp(permittivity: float, moisture: float) -> None:
    assert topp(permittivity) == pytest.approx(moisture, abs=1e-6)


def test_teros_probes_agree_with_decentlabs_published_example() -> None:
    assert teros_moisture(0x46BE) == pytest.approx(0.68869, abs=1e-9)
    assert teros_permittivity(0x46BE) == pytest.approx(1.1831248966814998, abs=1e-9)


@pytest.mark.parametrize(
    ("ahead", "flags"),
    [
        (timedelta(0), QualityFlag.HISTORY),
        (timedelta(minutes=10), QualityFlag.HISTORY),
        (timedelta(minutes=11), QualityFlag.HISTORY | QualityFlag.CLOCK),
        (timedelta(hours=23), QualityFlag.HISTORY | QualityFlag.CLOCK),
        (timedelta(days=-3000), QualityFlag.HISTORY),
    ],
)
def test_an_entry_of_a_datalog_has_its_own_time(ahead: timedelta, flags: QualityFlag) -> None:
    data = ByteReader(b"")
    at = (AT + ahead).replace(microsecond=0)
    [reading] = _logged(data, at)
    assert (reading.observed_at, reading.flags, reading.channel) == (at, flags, 2)
    assert not data.warnings


@pytest.mark.parametrize(
    "at", [datetime(1970, 1, 1, 0, 1, tzinfo=UTC), datetime(2014, 12, 31, tzinfo=UTC), AT + timedelta(days=2)]
)
def test_an_entry_without_a_credible_time_is_dropped_and_warned_of(at: datetime) -> None:
    data = ByteReader(b"")
    assert _logged(data, at) == []
    assert data.warnings == ["datalog entry without a credible time"]


def _logged(data: ByteReader, at: datetime) -> list[TreeMoisture]:
    measured = {"soil_moisture": 20.0}
    found = logged(TreeMoisture, uplink(b"", 3), data, measured, unix_time=int(at.timestamp()), channel=2)
    return [reading for reading in found if isinstance(reading, TreeMoisture)]
