"""Weather: the year's mean, its swing and rain are those of a city on the Rhine."""

import numpy as np
import pytest

from stadtfunk.demo.clock import day_of
from stadtfunk.demo.settings import WeatherSettings
from stadtfunk.demo.weather import Weather, hargreaves, radiation_mm, seasonal_mean

FIRST = 20_454  # 2026-01-01


@pytest.fixture(scope="module")
def years():
    weather = Weather(WeatherSettings(), seed=1)
    return [weather.advance(day_of(FIRST + number)) for number in range(3 * 365)]


def test_a_mean_year(years):
    temperature = np.array([day.temperature.mean() for day in years])
    assert temperature.mean() == pytest.approx(11, abs=1.0)
    assert temperature[:30].mean() < 6 < 16 < temperature[195:225].mean()


def test_rain_of_a_year(years):
    assert sum(day.rain.sum() for day in years) / 3 == pytest.approx(600, rel=0.2)
    wet = np.mean([day.rain.sum() > 0 for day in years])
    assert wet == pytest.approx(0.42, abs=0.04)


def test_warmest_in_the_afternoon(years):
    day, weather = day_of(FIRST + 100), years[100]
    assert day.local_hours[int(weather.temperature.argmax())] == 15
    assert weather.temperature.max() - weather.temperature.min() == pytest.approx(8, abs=0.1)


def test_the_past_day_follows_slowly(years):
    before, today = years[9], years[10]
    hours = np.concatenate([before.temperature, today.temperature])
    assert today.mean_24h[5] == pytest.approx(hours[6:30].mean())


def test_evapotranspiration_of_summer_and_winter():
    settings = WeatherSettings()
    july = hargreaves(radiation_mm(50, 196), seasonal_mean(settings, 196), 8)
    january = hargreaves(radiation_mm(50, 15), seasonal_mean(settings, 15), 8)
    assert 3 < july < 5
    assert 0 < january < 0.7
    assert hargreaves(radiation_mm(50, 15), -25, 8) == 0


def test_radiation_by_the_book():
    """Allen et al. 1998, example 8: 20 degrees south, 3 September: 32.2 MJ m-2 d-1."""
    assert radiation_mm(-20, 246) / 0.408 == pytest.approx(32.2, abs=0.1)
