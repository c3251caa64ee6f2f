"""The radio model: Hata's check values, and the outcome that the model was calibrated to."""

import numpy as np
import pytest

from stadtfunk.demo.city import DemoCity
from stadtfunk.demo.clock import random_stream
from stadtfunk.demo.device import Application, Frames
from stadtfunk.demo.radio import Radio, hata_city_loss
from stadtfunk.demo.settings import WHITE_SPOTS, DemoSettings, RadioSettings
from tests.unit.demo.support import frames_of

PER_DEVICE = 50


@pytest.mark.parametrize(
    ("kilometres", "loss"),
    [(0.2, 102.6), (0.5, 116.7), (1, 127.3), (1.5, 133.5), (2, 137.9), (3, 144.1), (5, 151.9)],
)
def test_path_loss_at_thirty_metres(kilometres, loss):
    assert hata_city_loss(np.array([kilometres]), np.array([30.0]), RadioSettings()) == pytest.approx([loss], abs=0.05)


class Outcome:
    """How often each device of a family is heard, by how many gateways, at which spreading factor."""

    def __init__(self, city: DemoCity, application: Application, *, car: bool = False) -> None:
        devices = np.flatnonzero([device.application is application for device in city.devices])
        rng = random_stream(1, "radio test")
        frames = frames_of(len(devices), PER_DEVICE)
        frames.device = np.repeat(devices, PER_DEVICE)
        if car:
            frames.car_loss = np.repeat(rng.uniform(*city.settings.radio.car_loss_db, len(devices)), PER_DEVICE)
        receptions = city.radio.receive(frames, None, rng)
        heard = np.zeros(len(frames), dtype=bool)
        heard[receptions.frame] = True
        self.delivery = heard.reshape(-1, PER_DEVICE).mean(axis=1)
        self.gateways = len(receptions) / heard.sum()
        self.spreading_factor = city.radio.spreading_factor[devices]


@pytest.fixture(scope="module")
def city() -> DemoCity:
    return DemoCity(DemoSettings())


def test_trees_are_heard_well(city):
    trees = Outcome(city, Application.TREES)
    assert trees.delivery.mean() == pytest.approx(0.988, abs=0.006)
    assert trees.gateways == pytest.approx(3.7, abs=0.35)
    assert (trees.spreading_factor == 7).mean() == pytest.approx(0.89, abs=0.05)


def test_meters_in_basements_are_heard_badly(city):
    meters = Outcome(city, Application.HEAT)
    assert meters.delivery.mean() == pytest.approx(0.85, abs=0.02)
    assert np.median(meters.delivery) == pytest.approx(0.96, abs=0.02)
    assert (meters.delivery < 0.8).mean() == pytest.approx(0.18, abs=0.025)
    assert (meters.delivery < 0.05).sum() == pytest.approx(85, abs=25)
    assert (meters.spreading_factor == 12).mean() == pytest.approx(0.32, abs=0.03)
    assert meters.gateways == pytest.approx(1.7, abs=0.15)


def test_a_car_over_the_sensor_costs_half_of_the_uplinks(city):
    """21 bays are few: from seed to seed the mean of the covered ones varies by 6 points."""
    assert Outcome(city, Application.BAYS).delivery.mean() == pytest.approx(0.988, abs=0.01)
    assert Outcome(city, Application.BAYS, car=True).delivery.mean() == pytest.approx(0.53, abs=0.12)


def test_without_four_gateways_there_are_white_spots(city):
    sparse = DemoCity(DemoSettings(without_gateways=WHITE_SPOTS))
    few = Outcome(sparse, Application.TREES).delivery
    assert (few < 0.9).sum() > (Outcome(city, Application.TREES).delivery < 0.9).sum()


def test_a_gateway_that_is_off_hears_nothing(city):
    frames = frames_of(len(city.devices), 1)
    on = np.ones((len(frames), len(city.gateways)), dtype=bool)
    on[:, 3] = False
    receptions = city.radio.receive(frames, on, random_stream(1, "off"))
    assert 3 not in receptions.gateway
    assert len(np.unique(receptions.gateway)) == len(city.gateways) - 1


def test_levels_are_what_a_gateway_reports(city):
    receptions = city.radio.receive(frames_of(len(city.devices), 4), None, random_stream(1, "levels"))
    assert receptions.snr.max() == 12
    assert receptions.snr.min() >= -18
    assert (receptions.snr * 4 == np.rint(receptions.snr * 4)).all()
    uncapped = receptions.snr < 12
    assert np.abs(receptions.rssi - receptions.snr + 117)[uncapped].max() <= 1


def test_collisions_lose_a_frame_at_all_gateways():
    settings = RadioSettings(collision_probability=1.0)
    city = DemoCity(DemoSettings(scale=0.02))
    radio = Radio(settings, city.devices, city.gateways, random_stream(1, "links"))
    assert len(radio.receive(frames_of(len(city.devices), 5), None, random_stream(1, "x"))) == 0


def test_no_frames_no_receptions(city):
    nothing = Frames(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), [], [])
    assert len(city.radio.receive(nothing, None, random_stream(1, "x"))) == 0
