"""What the simulated devices send is what the real decoders read: encoders and decoders, value for value."""

from datetime import UTC, datetime

import numpy as np
import pytest

from decoders.readings import BayEvent, HeatMeter, ParkingBay, QualityFlag, Reading, TreeMoisture
from decoders.registry import Registry
from decoders.uplink import Uplink
from stadtfunk.demo.device import rows_of
from stadtfunk.demo.payloads import (
    bosch_tps110,
    decentlab_trs12,
    dragino_lse01,
    elvaco_cmi41xx,
    milesight_em500_smtc,
    nwave_nps405,
)

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


def decode(registry: Registry, profile: str, port: int, payload: bytes) -> tuple[Reading, ...]:
    entry = registry.profiles[profile.casefold()]
    uplink = Uplink("test", "00" * 8, 1, port, payload, ns_time=NOW, received_at=NOW)
    decoded = entry.decoder.decode(uplink)
    assert decoded.unread == 0
    assert not decoded.warnings
    return decoded.readings


def one(readings: tuple[Reading, ...], kind: type[Reading]) -> Reading:
    [found] = [reading for reading in readings if isinstance(reading, kind)]
    return found


MOISTURE = np.array([25.37, 0.0, 61.2])
TEMPERATURE = np.array([-3.4, 0.0, 31.9])
CONDUCTIVITY = np.array([412.0, 0.0, 19_999.0])


@pytest.mark.parametrize(
    ("profile", "port", "payloads", "step"),
    [
        (
            "Dragino LSE01",
            dragino_lse01.F_PORT,
            dragino_lse01.encode(MOISTURE, TEMPERATURE, CONDUCTIVITY, np.full(3, 3.4)),
            0.01,
        ),
        (
            "Milesight EM500-SMTC",
            milesight_em500_smtc.F_PORT,
            milesight_em500_smtc.encode(MOISTURE, TEMPERATURE, CONDUCTIVITY, np.full(3, 87.0)),
            0.01,
        ),
        (
            "Decentlab DL-TRS12",
            decentlab_trs12.F_PORT,
            decentlab_trs12.encode(np.arange(3), MOISTURE, TEMPERATURE, CONDUCTIVITY, np.full(3, 3.1)),
            0.01,
        ),
    ],
)
def test_soil_probes(registry, profile, port, payloads, step):
    for row, payload in enumerate(rows_of(payloads)):
        reading = one(decode(registry, profile, port, payload), TreeMoisture)
        assert reading.flags == 0
        assert reading.soil_moisture == pytest.approx(MOISTURE[row], abs=step)
        assert reading.soil_temperature == pytest.approx(TEMPERATURE[row], abs=0.051)
        assert reading.conductivity == CONDUCTIVITY[row]


def test_a_failed_reading_says_so(registry):
    reading = one(decode(registry, "Milesight EM500-SMTC", 85, milesight_em500_smtc.READ_FAILED), TreeMoisture)
    assert reading.soil_moisture is None
    assert reading.soil_temperature is None
    assert reading.flags & QualityFlag.SENSOR_FAULT


METER_VALUES = np.array([[123_456.0, 7_890.12, 15.2, 0.657, 92.5, 48.3], [12.0, 0.5, 0.0, -0.018, 75.0, 74.2]])
TELEGRAMS = [*elvaco_cmi41xx.TELEGRAMS, elvaco_cmi41xx.LARGE_BUILDING]


def meter_payloads(telegram: elvaco_cmi41xx.Telegram) -> list[bytes]:
    serials = np.array([71_308_164, 60_000_007])
    return rows_of(elvaco_cmi41xx.encode(telegram, METER_VALUES, serials, np.zeros(2, dtype=np.int64)))


@pytest.mark.parametrize("telegram", TELEGRAMS, ids=lambda telegram: f"{telegram.profile}-{telegram.values[0].unit}")
def test_heat_meters(registry, telegram):
    for row, payload in enumerate(meter_payloads(telegram)):
        reading = one(decode(registry, telegram.profile, elvaco_cmi41xx.F_PORT, payload), HeatMeter)
        energy, volume, power, flow, supply, back = METER_VALUES[row]
        assert reading.subject == ("71308164", "60000007")[row]
        assert reading.energy == pytest.approx(energy // telegram.values[0].unit * telegram.values[0].unit)
        assert reading.volume == pytest.approx(volume, abs=0.011)
        assert reading.power == pytest.approx(power, abs=0.051)
        assert reading.flow == pytest.approx(flow, abs=0.0006)
        assert reading.flow_temperature == pytest.approx(supply, abs=0.051)
        assert reading.return_temperature == pytest.approx(back, abs=0.051)
        assert reading.error_code == 0


@pytest.mark.parametrize("telegram", elvaco_cmi41xx.TELEGRAMS, ids=lambda telegram: telegram.profile)
def test_a_module_without_its_meter_sends_no_values(registry, telegram):
    payload = elvaco_cmi41xx.without_contact(telegram, meter_payloads(telegram)[0])
    readings = decode(registry, telegram.profile, elvaco_cmi41xx.F_PORT, payload)
    for reading in readings:
        if isinstance(reading, HeatMeter):
            assert reading.energy is None
            assert reading.flow is None
            assert reading.flags & QualityFlag.METER_ERROR
    assert readings


def test_the_standard_telegram_byte_for_byte():
    """The UH50 telegram of the published examples with a negative flow: F in the highest digit."""
    values = np.array([[74_693.0, 3_031.82, 0.0, -0.001, 48.6, 40.8]])
    [payload] = rows_of(
        elvaco_cmi41xx.encode(elvaco_cmi41xx.TELEGRAMS[0], values, np.array([71_308_164]), np.zeros(1, dtype=np.int64))
    )
    assert payload.hex() == ("000c06934607000c14823130000b2b0000000b3b0100f00a5a86040a5e08040c786481307102fd170000")


@pytest.mark.parametrize("occupied", [True, False])
def test_bosch(registry, occupied):
    def bay(port: int, payload: bytes) -> ParkingBay:
        return one(decode(registry, "Bosch TPS110", port, payload), ParkingBay)

    change = bay(bosch_tps110.STATUS_PORT, bosch_tps110.status(occupied=occupied))
    assert (change.occupied, change.event) == (occupied, BayEvent.CHANGE)
    beat = bay(bosch_tps110.HEARTBEAT_PORT, bosch_tps110.heartbeat(occupied=occupied, temperature_c=-7.4))
    assert (beat.occupied, beat.event) == (occupied, BayEvent.HEARTBEAT)
    start = bay(bosch_tps110.STARTUP_PORT, bosch_tps110.startup(occupied=occupied))
    assert start.event is BayEvent.STARTUP
    assert start.flags & QualityFlag.STARTUP


@pytest.mark.parametrize("occupied", [True, False])
def test_nwave(registry, occupied):
    def bay(port: int, payload: bytes) -> ParkingBay:
        return one(decode(registry, "Nwave NPS405", port, payload), ParkingBay)

    change = bay(nwave_nps405.STATUS_PORT, nwave_nps405.status(occupied=occupied, previous_minutes=61.7))
    assert (change.occupied, change.event, change.previous_duration) == (occupied, BayEvent.CHANGE, 61)
    payload = nwave_nps405.heartbeat(occupied=occupied, temperature_c=4.5, battery_v=3.4)
    beat = bay(nwave_nps405.HEARTBEAT_PORT, payload)
    assert (beat.occupied, beat.event) == (occupied, BayEvent.HEARTBEAT)
    start = bay(nwave_nps405.STARTUP_PORT, nwave_nps405.startup(occupied=occupied))
    assert start.event is BayEvent.STARTUP


@pytest.mark.parametrize(
    ("minutes", "code"),
    [
        (0, 0),
        (89.9, 89),
        (90, 90),
        (94, 90),
        (95, 91),
        (239, 119),
        (240, 120),
        (299, 120),
        (659, 126),
        (660, 127),
        (1e6, 127),
    ],
)
def test_nwave_duration_codes(minutes, code):
    assert nwave_nps405.duration_code(minutes) == code
