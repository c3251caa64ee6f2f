"""Tree probes: soil of every tree through the year, and what its probes send of it."""

from collections.abc import Sequence

import numpy as np

from stadtfunk.demo.clock import DAY, HOUR, MINUTE, SECOND, Day, random_stream
from stadtfunk.demo.device import Floats, Frames, Integers, rows_of
from stadtfunk.demo.payloads import decentlab_trs12, dragino_lse01, milesight_em500_smtc
from stadtfunk.demo.planting import PROFILES, SoilProbe, Tree
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo.soil import SoilColumns
from stadtfunk.demo.weather import DayWeather

_F_PORTS = {
    "Dragino LSE01": dragino_lse01.F_PORT,
    "Milesight EM500-SMTC": milesight_em500_smtc.F_PORT,
    "Decentlab DL-TRS12": decentlab_trs12.F_PORT,
}


class TreeProbes:
    """The family of tree probes. Days must be taken in order, for the soil remembers."""

    def __init__(self, settings: DemoSettings, trees: Sequence[Tree], probes: Sequence[SoilProbe]) -> None:
        self._settings = settings.trees
        self._seed = settings.seed
        self.devices = tuple(probe.device for probe in probes)
        rng = random_stream(settings.seed, "soil")
        self._soil = SoilColumns(
            settings.trees,
            [tree.soil for tree in trees],
            [tree.standing_year for tree in trees],
            rng,
        )
        count = len(probes)
        self._tree = np.array([probe.tree for probe in probes], dtype=np.int64)
        self._layer = np.array([probe.layer for probe in probes], dtype=np.int64)
        self._phase = rng.random(count)
        self._offset_c = rng.normal(0, 0.4, count)
        self._fertility = rng.uniform(0.7, 1.4, count)
        self._battery = rng.uniform(0, 1, count)
        self._stuck = np.flatnonzero(rng.random(count) < settings.trees.stuck_share)
        profile = np.array([PROFILES.index(device.profile) for device in self.devices], dtype=np.int64)
        self._groups = [np.flatnonzero(profile == index) for index in range(len(PROFILES))]
        self._f_port = np.array([_F_PORTS[device.profile] for device in self.devices], dtype=np.int64)
        self._before: tuple[Floats, Floats] | None = None

    def day(self, day: Day, weather: DayWeather, *, payloads: bool) -> Frames:
        """What the probes send on `day`; without `payloads` they are empty and only time and state move on."""
        rng = random_stream(self._seed, "tree probes", day.number)
        first_water = self._soil.water.copy()
        water, temperature = self._soil.advance(day, weather, rng)
        before = self._before or (first_water, temperature[0])
        self._before = (water[-1], temperature[-1])
        sent_at = self._schedule(day, rng)
        device = np.repeat(np.arange(len(self.devices)), sent_at.shape[1])
        f_port = self._f_port[device]
        content: list[bytes] = []
        if payloads:
            states = (np.concatenate([before[0][None], water]), np.concatenate([before[1][None], temperature]))
            content = self._payloads(day, sent_at, states, rng)
        return Frames.regular(device, sent_at.ravel(), f_port, content)

    def _schedule(self, day: Day, rng: np.random.Generator) -> Integers:
        """Send times (device, slot): evenly spaced, each device at its own time, a second of jitter."""
        settings = self._settings
        in_season = day.date.month in settings.season_months
        slots = settings.uplinks_per_day_in_season if in_season else settings.uplinks_per_day_in_winter
        interval = DAY // slots
        phase = (self._phase * (interval - 10 * SECOND)).astype(np.int64)
        jitter = rng.integers(0, SECOND, (len(self.devices), slots))
        return day.start + phase[:, None] + np.arange(slots) * interval + jitter

    def _payloads(
        self, day: Day, sent_at: Integers, states: tuple[Floats, Floats], rng: np.random.Generator
    ) -> list[bytes]:
        moisture, temperature = self._measured(day, sent_at, states, rng)
        moisture[self._stuck] = 20.0
        conductivity = np.clip(12 * moisture * self._fertility[:, None], 0, 20_000)
        parts: list[list[bytes]] = []
        for profile, group in zip(PROFILES, self._groups, strict=True):
            values = (moisture[group].ravel(), temperature[group].ravel(), conductivity[group].ravel())
            battery = np.repeat(self._battery[group], sent_at.shape[1])
            serial = np.repeat(group + 1, sent_at.shape[1])
            parts.append(_encoded(profile, values, battery, serial))
        content = [payload for part in parts for payload in part]
        self._fail_some(content, sent_at.shape[1], rng)
        return content

    def _fail_some(self, content: list[bytes], slots: int, rng: np.random.Generator) -> None:
        """Some readings of the Milesight probes fail, which they say in their payload."""
        failed = np.flatnonzero(rng.random(len(content)) < self._settings.read_failure_probability)
        for row in failed.tolist():
            if self.devices[row // slots].profile == "Milesight EM500-SMTC":
                content[row] = milesight_em500_smtc.READ_FAILED

    def _measured(
        self, day: Day, sent_at: Integers, states: tuple[Floats, Floats], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Moisture (%vol) and temperature (Cel) as the probes see them: late, noisy, and blind for ice."""
        settings = self._settings
        seen_at = np.maximum(sent_at - day.start - int(settings.lag_minutes * MINUTE), 0) / HOUR
        hour = np.minimum(seen_at.astype(np.int64), 23)
        part = seen_at - hour
        tree, layer = self._tree[:, None], self._layer[:, None]
        water, warmth = states
        content = water[hour, tree, layer] * (1 - part) + water[hour + 1, tree, layer] * part
        temperature = warmth[hour, layer] * (1 - part) + warmth[hour + 1, layer] * part + self._offset_c[:, None]
        content = np.where(temperature < 0, content * (1 - settings.ice_share), content)
        content *= 1 + settings.moisture_noise * rng.standard_normal(content.shape)
        return content * 100, temperature


def _encoded(profile: str, values: tuple[Floats, Floats, Floats], battery: Floats, serial: Integers) -> list[bytes]:
    """Payloads of one device profile; `battery` is 0 (empty) to 1 (new)."""
    if profile == "Dragino LSE01":
        return rows_of(dragino_lse01.encode(*values, 3.3 + 0.3 * battery))
    if profile == "Milesight EM500-SMTC":
        return rows_of(milesight_em500_smtc.encode(*values, 40 + 60 * battery))
    return rows_of(decentlab_trs12.encode(serial, *values, 2.9 + 0.3 * battery))
