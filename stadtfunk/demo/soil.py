"""Water and temperature in the soil below trees: one bucket per layer, filled from above, emptied by roots.

Water contents are volume fractions, amounts of water are mm. Formulas: van Genuchten 1980 with the parameters
of Carsel and Parrish 1988; usable water (nFK) lies between field capacity and wilting point.
"""

from collections.abc import Sequence

import numpy as np

from stadtfunk.demo.clock import Day
from stadtfunk.demo.device import Floats
from stadtfunk.demo.settings import SoilClass, TreeSettings
from stadtfunk.demo.weather import DayWeather

CM_WATER_PER_KPA = 10.197


def water_content(soil: SoilClass, tension_kpa: float) -> float:
    """The volume fraction of water that `soil` holds at a tension (kPa, positive)."""
    suction = soil.alpha * tension_kpa * CM_WATER_PER_KPA
    return float(soil.residual + (soil.saturated - soil.residual) / (1 + suction**soil.n) ** (1 - 1 / soil.n))


class SoilColumns:
    """The soil of many trees; arrays are (tree, layer).

    Attributes:
        water: volume fraction of each layer now.
        temperature: soil temperature of each layer (Cel), the same for all trees.
    """

    def __init__(
        self, settings: TreeSettings, soils: Sequence[str], standing_year: Sequence[int], rng: np.random.Generator
    ) -> None:
        self._settings = settings
        classes = [settings.soils[name] for name in soils]
        self._saturated = np.array([[soil.saturated] * 3 for soil in classes]).reshape(-1, 3)
        self._capacity = self._held(classes, settings.field_capacity_kpa)
        self._wilting = self._held(classes, settings.wilting_point_kpa)
        self._rain_share = rng.uniform(*settings.rain_share, len(classes))
        self._young = np.array(standing_year, dtype=np.int64) <= settings.watered_until_year
        self._layers = np.array(settings.layers_mm)
        self._uptake = np.array(settings.root_uptake)
        self._response = 1 - np.exp(-1 / (24 * np.array(settings.soil_temperature_days)))
        self.water = self._capacity.copy()
        self.temperature: Floats | None = None

    def advance(self, day: Day, weather: DayWeather, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """A day of weather and watering; water (hour, tree, layer) and temperature (hour, layer) at each hour's end."""
        watering = self._watering(day, rng)
        demand = weather.evapotranspiration * self._settings.crop_coefficients[day.date.month - 1] / 24
        if self.temperature is None:
            self.temperature = np.full(3, weather.temperature.mean())
        water = np.empty((24, *self.water.shape))
        temperature = np.empty((24, 3))
        for hour in range(24):
            rain = weather.rain[hour] * self._rain_share
            self._hour(rain + watering[hour], demand)
            self.temperature = self.temperature + self._response * (weather.temperature[hour] - self.temperature)
            water[hour] = self.water
            temperature[hour] = self.temperature
        return water, temperature

    def usable_share(self) -> Floats:
        """Usable water of each layer as a share of its field capacity above the wilting point (nFK)."""
        share: Floats = np.clip((self.water - self._wilting) / (self._capacity - self._wilting), 0, None)
        return share

    def _hour(self, infiltration: Floats, demand: float) -> None:
        settings = self._settings
        stress = np.minimum(1.0, self.usable_share() / settings.stress_below_nfk)
        self.water -= demand * self._uptake * stress / self._layers
        self.water[:, 0] += infiltration / self._layers[0]
        surplus = np.maximum(self.water - self._capacity, 0) * settings.drainage_per_hour
        self.water -= surplus
        self.water[:, 1:] += surplus[:, :-1] * self._layers[:-1] / self._layers[1:]
        np.minimum(self.water, self._saturated, out=self.water)

    def _watering(self, day: Day, rng: np.random.Generator) -> Floats:
        """mm for each hour and tree: crews come between 7 and 14 o'clock to young trees that are dry."""
        settings = self._settings
        trees = len(self._young)
        amount = np.zeros((24, trees))
        hour = rng.integers(7, 14, trees)
        comes = rng.random(trees) < settings.watering_probability
        dry = self.usable_share()[:, 0] < settings.watering_below_nfk
        if day.date.month in settings.season_months:
            chosen = np.flatnonzero(self._young & dry & comes)
            amount[hour[chosen], chosen] = settings.watering_mm
        return amount

    @staticmethod
    def _held(classes: Sequence[SoilClass], tension_kpa: float) -> Floats:
        held: Floats = np.array([[water_content(soil, tension_kpa)] * 3 for soil in classes]).reshape(-1, 3)
        return held
