"""Bay sensors: changes, heartbeats, restarts and flapping, from the true state of the bays."""

import numpy as np
import pytest

from stadtfunk.demo.bays import BaySensors
from stadtfunk.demo.clock import HOUR, MINUTE, Day, day_number, day_of
from stadtfunk.demo.device import Frames
from stadtfunk.demo.places import bays
from stadtfunk.demo.settings import DemoSettings, ParkingSettings
from stadtfunk.demo.weather import DayWeather
from tests.unit.demo.support import SUMMER

CHANGE, HEARTBEAT, STARTUP = 1, 2, 3
MILD = DayWeather(np.full(24, 15.0), np.full(24, 15.0), np.zeros(24), 1.0)


def days(
    count: int, *, restarts: dict[int, int] | None = None, **parking: object
) -> list[tuple[Day, Frames, BaySensors]]:
    settings = DemoSettings(installed_on=SUMMER, parking=ParkingSettings(**{"flapping_per_bay_day": 0, **parking}))
    sensors = BaySensors(settings, bays())
    found = []
    for number in range(count):
        day = day_of(day_number(SUMMER) + number)
        shifted = {bay: day.start + offset for bay, offset in (restarts or {}).items()}
        found.append((day, sensors.day(day, MILD, restarts=shifted, payloads=True), sensors))
    return found


def occupied(payload: bytes, port: int, profile: str) -> bool:
    byte = payload[-1] if port == STARTUP else payload[0]
    assert profile in ("Bosch TPS110", "Nwave NPS405")
    return bool(byte & 1)


def test_about_six_hundred_messages_a_day():
    counts = [len(frames) for _, frames, _ in days(10)]
    assert np.mean(counts) == pytest.approx(600, abs=60)


def test_every_change_is_sent_and_alternates():
    state = dict.fromkeys(range(21), False)
    changes = 0
    for _, frames, sensors in days(6):
        for bay, port, payload in zip(frames.device.tolist(), frames.f_port.tolist(), frames.payload, strict=True):
            seen = occupied(payload, port, sensors.devices[bay].profile)
            if port == CHANGE:
                changes += 1
                assert seen is not state[bay]
                state[bay] = seen
            else:
                assert seen is state[bay], "a heartbeat repeats the state"
    assert changes == pytest.approx(6 * 21 * 2 * 1.9, rel=0.2)


def test_heartbeats_come_hourly_spread_over_the_bays():
    [(day, frames, _)] = days(1)
    beats = frames.sent_at[frames.f_port == HEARTBEAT]
    assert len(beats) == 21 * 24
    first_hour = np.sort(beats[beats < day.start + HOUR])
    assert np.diff(first_hour).max() <= 3 * MINUTE


def test_a_car_weakens_the_radio_while_it_stands_there():
    for _, frames, sensors in days(3):
        for row, (bay, port) in enumerate(zip(frames.device.tolist(), frames.f_port.tolist(), strict=True)):
            seen = occupied(frames.payload[row], port, sensors.devices[bay].profile)
            assert (15 <= frames.car_loss[row] <= 25) if seen else frames.car_loss[row] == 0


def test_a_restart_sends_a_start_up_frame():
    [(day, frames, _)] = days(1, restarts={4: 10 * HOUR})
    [row] = np.flatnonzero(frames.f_port == STARTUP)
    assert frames.device[row] == 4
    assert frames.sent_at[row] == day.start + 10 * HOUR
    assert len(frames.payload[row]) in (5, 17)


def test_flapping_ends_with_the_truth():
    [(_, calm, _)] = days(1, arrivals_per_day=0.0)
    [(_, frames, _)] = days(1, arrivals_per_day=0.0, flapping_per_bay_day=1.0)
    assert len(frames) - len(calm) == 21 * 6
    for bay in range(21):
        rows = np.flatnonzero((frames.device == bay) & (frames.f_port == CHANGE))
        seen = [bool(frames.payload[row][0] & 1) for row in rows]
        assert seen == [True, False] * 3
        assert frames.sent_at[rows[-1]] - frames.sent_at[rows[0]] < 10 * MINUTE


def test_frames_are_ordered_by_bay_and_time():
    for day, frames, _ in days(2, flapping_per_bay_day=0.5):
        keys = list(zip(frames.device.tolist(), frames.sent_at.tolist(), strict=True))
        assert keys == sorted(keys)
        assert ((frames.sent_at >= day.start) & (frames.sent_at < day.end)).all()


def test_a_smaller_city_has_fewer_bays():
    assert len(BaySensors(DemoSettings(), bays()[:3]).devices) == 3
