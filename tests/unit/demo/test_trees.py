"""Tree probes: how many there are, what they send in summer and winter, and what frost does to them."""

from collections import Counter

import numpy as np
import pytest

from decoders.readings import TreeMoisture
from decoders.registry import Registry
from decoders.uplink import Uplink
from stadtfunk.demo.city import CityDay, DemoCity
from stadtfunk.demo.clock import moment
from stadtfunk.demo.device import Application
from stadtfunk.demo.settings import DemoSettings, TreeSettings, WeatherSettings
from tests.unit.demo.support import SUMMER, WINTER, one_day, perfect

REGISTRY = Registry.load()


def tree_readings(city: DemoCity, city_day: CityDay) -> list[tuple[int, TreeMoisture]]:
    found = []
    frames = city_day.frames
    rows = zip(frames.device.tolist(), frames.sent_at.tolist(), frames.f_port.tolist(), frames.payload, strict=True)
    for device, sent_at, port, payload in rows:
        item = city.devices[device]
        if item.application is Application.TREES:
            at = moment(sent_at)
            uplink = Uplink("test", item.dev_eui, 0, port, payload, ns_time=at, received_at=at)
            decoded = REGISTRY.profiles[item.profile.casefold()].decoder.decode(uplink)
            found += [(device, reading) for reading in decoded.readings if isinstance(reading, TreeMoisture)]
    return found


def test_three_hundred_trees_and_as_many_probes():
    city = DemoCity(DemoSettings())
    trees = [asset for asset in city.assets() if asset.kind == "tree"]
    assert len(trees) == 300
    assert Counter(len(tree.probes) for tree in trees) == {3: 50, 1: 150, 0: 100}
    assert {probe.depth_cm for tree in trees if len(tree.probes) == 3 for probe in tree.probes} == {30, 60, 90}
    sensored = {tree.key for tree in trees if tree.probes}
    assert all(tree.attributes["group"] in sensored for tree in trees)
    assert all(tree.attributes["group"] == tree.key for tree in trees if tree.probes)


@pytest.mark.parametrize(("installed_on", "per_day"), [(SUMMER, 24), (WINTER, 8)])
def test_hourly_in_season_every_three_hours_in_winter(installed_on, per_day):
    of = perfect(installed_on)
    city = DemoCity(of)
    frames = one_day(of, payloads=False).frames
    trees = np.flatnonzero([device.application is Application.TREES for device in city.devices])
    counts = np.bincount(frames.device, minlength=len(city.devices))[trees]
    assert set(counts.tolist()) == {per_day}
    assert len(trees) == 15


def test_readings_of_summer_are_plausible_and_deep_soil_is_cooler():
    of = perfect(SUMMER, trees=TreeSettings(stuck_share=0, read_failure_probability=0, deep_share=1 / 3))
    city = DemoCity(of)
    readings = tree_readings(city, one_day(of, after=12))
    assert len(readings) == 15 * 24
    assert all(reading.flags == 0 for _, reading in readings)
    assert all(2 < reading.soil_moisture < 48 for _, reading in readings)
    swing: dict[str, list[float]] = {"30": [], "60": [], "90": []}
    for device in {device for device, _ in readings}:
        values = [reading.soil_temperature for item, reading in readings if item == device]
        swing[city.devices[device].tags["tiefe_cm"]].append(max(values) - min(values))
    assert np.mean(swing["30"]) > np.mean(swing["60"]) > np.mean(swing["90"])


def test_frozen_soil_looks_dry():
    siberia = WeatherSettings(mean_c=-15.0, anomaly_c=0.1)
    mild = WeatherSettings(mean_c=18.0, anomaly_c=0.1)
    city = DemoCity(perfect(WINTER, weather=siberia))
    frozen = tree_readings(city, one_day(perfect(WINTER, weather=siberia), after=1))
    open_soil = tree_readings(city, one_day(perfect(WINTER, weather=mild), after=1))
    assert all(reading.soil_temperature < 0 for _, reading in frozen)
    assert np.mean([r.soil_moisture for _, r in frozen]) < 0.5 * np.mean([r.soil_moisture for _, r in open_soil])


def test_stuck_probes_repeat_themselves():
    of = perfect(SUMMER, trees=TreeSettings(stuck_share=1.0, read_failure_probability=0))
    city = DemoCity(of)
    assert {round(reading.soil_moisture, 1) for _, reading in tree_readings(city, one_day(of))} == {20.0}


def test_some_readings_fail():
    of = perfect(SUMMER, trees=TreeSettings(stuck_share=0, read_failure_probability=1.0))
    city = DemoCity(of)
    for device, reading in tree_readings(city, one_day(of)):
        failed = city.devices[device].profile == "Milesight EM500-SMTC"
        assert (reading.soil_moisture is None) == failed
