"""Weather of the simulated city: hourly temperature, rain, and the water that the air demands."""

from dataclasses import dataclass
from math import acos, cos, pi, radians, sin, sqrt, tan

import numpy as np

from stadtfunk.demo.clock import Day, random_stream
from stadtfunk.demo.device import Floats
from stadtfunk.demo.settings import WeatherSettings


@dataclass(frozen=True, slots=True)
class DayWeather:
    """One day: `temperature` (Cel), `mean_24h` (Cel, of the past 24 hours) and `rain` (mm) for each UTC hour."""

    temperature: Floats
    mean_24h: Floats
    rain: Floats
    evapotranspiration: float
    """Reference evapotranspiration of the day in mm."""


class Weather:
    """The weather, day after day: the daily anomaly persists, so days must be taken in order."""

    def __init__(self, settings: WeatherSettings, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self._anomaly = 0.0
        self._yesterday: Floats | None = None

    def advance(self, day: Day) -> DayWeather:
        """The weather of `day`, which must follow the day of the last call."""
        settings = self._settings
        rng = random_stream(self._seed, "weather", day.number)
        innovation = settings.anomaly_c * sqrt(1 - settings.persistence**2)
        self._anomaly = settings.persistence * self._anomaly + rng.normal(0, innovation)
        mean = seasonal_mean(settings, day.day_of_year) + self._anomaly
        hours = np.array(day.local_hours)
        temperature = mean + settings.diurnal_swing_c * np.cos(2 * pi * (hours - settings.warmest_hour) / 24)
        before = temperature if self._yesterday is None else self._yesterday
        self._yesterday = temperature
        return DayWeather(
            temperature=temperature,
            mean_24h=_past_24_hours(before, temperature),
            rain=_rain(settings, rng),
            evapotranspiration=hargreaves(
                radiation_mm(settings.latitude, day.day_of_year), mean, 2 * settings.diurnal_swing_c
            ),
        )


def seasonal_mean(settings: WeatherSettings, day_of_year: int) -> float:
    """The expected daily mean temperature (Cel) of a day of the year."""
    phase = 2 * pi * (day_of_year - settings.warming_begins_day) / 365
    return settings.mean_c + settings.annual_swing_c * sin(phase)


def radiation_mm(latitude: float, day_of_year: int) -> float:
    """Extraterrestrial radiation as evaporation equivalent in mm/d (Allen et al. 1998, FAO paper 56, eq. 21)."""
    phi = radians(latitude)
    declination = 0.409 * sin(2 * pi * day_of_year / 365 - 1.39)
    distance = 1 + 0.033 * cos(2 * pi * day_of_year / 365)
    sunset = acos(-tan(phi) * tan(declination))
    megajoule = (
        24
        * 60
        / pi
        * 0.0820
        * distance
        * (sunset * sin(phi) * sin(declination) + cos(phi) * cos(declination) * sin(sunset))
    )
    return 0.408 * megajoule


def hargreaves(radiation: float, mean_c: float, range_c: float) -> float:
    """Reference evapotranspiration in mm/d; never negative."""
    return max(0.0, 0.0023 * radiation * (mean_c + 17.8) * sqrt(range_c))


def _past_24_hours(yesterday: Floats, today: Floats) -> Floats:
    """Mean of the 24 hours that end with each hour of today."""
    total = np.cumsum(np.concatenate([yesterday, today]))
    ended: Floats = (total[24:] - total[:24]) / 24
    return ended


def _rain(settings: WeatherSettings, rng: np.random.Generator) -> Floats:
    rain = np.zeros(24)
    amount = rng.gamma(settings.wet_day_shape, settings.wet_day_mm / settings.wet_day_shape)
    hours = int(rng.integers(1, settings.longest_rain_hours + 1))
    start = int(rng.integers(0, 25 - hours))
    if rng.random() < settings.wet_day_probability:
        rain[start : start + hours] = amount / hours
    return rain
