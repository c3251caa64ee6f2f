"""Soil under trees: van Genuchten's curve, rain, drought, watering and frost."""

from dataclasses import replace

import numpy as np
import pytest

from stadtfunk.demo.clock import day_of, random_stream
from stadtfunk.demo.settings import SOILS, TreeSettings
from stadtfunk.demo.soil import SoilColumns, water_content
from stadtfunk.demo.weather import DayWeather

JULY = 20_635
DRY = DayWeather(temperature=np.full(24, 22.0), mean_24h=np.full(24, 22.0), rain=np.zeros(24), evapotranspiration=4.5)


def columns(years: list[int], soil: str = "loam", **changes: object) -> SoilColumns:
    return SoilColumns(TreeSettings(**changes), [soil] * len(years), years, random_stream(1, "test"))


@pytest.mark.parametrize(
    ("soil", "tension", "percent"),
    [
        ("loam", 6.3, 28.0),
        ("loam", 50, 14.7),
        ("loam", 1500, 8.8),
        ("loamy sand", 6.3, 8.2),
        ("sandy loam", 20, 9.5),
        ("silt loam", 6.3, 36.3),
        ("silt loam", 80, 18.8),
    ],
)
def test_water_at_a_tension(soil, tension, percent):
    assert 100 * water_content(SOILS[soil], tension) == pytest.approx(percent, abs=0.06)


def test_a_dry_july_empties_the_top_first():
    soil = columns([12])
    full = soil.water.copy()
    for number in range(14):
        soil.advance(day_of(JULY + number), DRY, random_stream(1, "soil", number))
    lost_mm = (full - soil.water)[0] * (450, 300, 250)
    assert lost_mm[0] > lost_mm[1] > lost_mm[2] > 5
    assert lost_mm.sum() == pytest.approx(14 * 4.5 * 0.7, rel=0.15)
    assert 0 < soil.usable_share()[0, 0] < 1


def test_water_never_falls_below_the_wilting_point():
    soil = columns([12])
    for number in range(300):
        soil.advance(day_of(JULY + number % 30), DRY, random_stream(1, "soil", number))
    assert (soil.usable_share() >= 0).all()
    assert soil.usable_share()[0, 0] < 0.05


def test_crews_water_young_trees_only():
    soil = columns([2, 12], soil="sandy loam", watering_probability=1.0)
    levels = []
    for number in range(20):
        water, _ = soil.advance(day_of(JULY + number), DRY, random_stream(1, "soil", number))
        levels.append(water[:, :, 0])
    rises = np.diff(np.concatenate(levels), axis=0).max(axis=0)
    assert rises[0] == pytest.approx(67 / 450, rel=0.1)
    assert rises[1] <= 0


def test_rain_seeps_down_through_the_layers():
    soil = columns([12])
    soil.water -= 0.08
    rain = replace(DRY, rain=np.concatenate([np.full(6, 12.0), np.zeros(18)]), evapotranspiration=0.0)
    before = soil.water.copy()
    water, _ = soil.advance(day_of(JULY), rain, random_stream(1, "soil"))
    assert water[5, 0, 0] > before[0, 0] + 0.05
    assert water[23, 0, 1] > before[0, 1]
    assert (water <= SOILS["loam"].saturated + 1e-12).all()


def test_frost_reaches_the_top_first():
    soil = columns([12])
    mild = replace(DRY, temperature=np.full(24, 5.0))
    frost = replace(DRY, temperature=np.full(24, -10.0))
    soil.advance(day_of(JULY), mild, random_stream(1, "soil"))
    for number in range(3):
        _, temperature = soil.advance(day_of(JULY + number), frost, random_stream(1, "soil", number))
    assert temperature[-1, 0] < 0 < temperature[-1, 2]
