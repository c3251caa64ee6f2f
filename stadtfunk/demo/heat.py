"""District heating: demand of every building through the day, meters that count it, and their faults.

P        = max(0, L (16 - T_24h)) + DHW(h)          kW
T_supply = clip(75 + 1.75 (10 - T), 75, 110)        Cel
V        = P / (1.143 (T_supply - T_return))        m3/h
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stadtfunk.demo.clock import DAY, HOUR, SECOND, Day, day_number, random_stream
from stadtfunk.demo.device import Flags, Floats, Frames, Integers, rows_of
from stadtfunk.demo.meters import Meter, Substations, Trouble
from stadtfunk.demo.payloads import elvaco_cmi41xx as elvaco
from stadtfunk.demo.settings import DemoSettings, HeatSettings
from stadtfunk.demo.weather import DayWeather

_NIGHT_FLOW_HOURS = (1, 2, 3)
_REVERSE_FLOW = -0.018
_BYPASS_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Operation:
    """A day of all substations: `supply` Cel (hour,); `power` kW, `flow` m3/h and `back` Cel (meter, hour)."""

    supply: Floats
    power: Floats
    flow: Floats
    back: Floats


def hot_water_profile(settings: HeatSettings) -> Floats:
    """Hot-water demand of each local hour as a multiple of its mean: two peaks a day."""
    hours = np.arange(24)
    profile = np.full(24, 0.4)
    for peak in settings.hot_water_peaks:
        distance = np.minimum(np.abs(hours - peak), 24 - np.abs(hours - peak))
        profile += np.exp(-0.5 * (distance / 1.7) ** 2)
    scaled: Floats = profile / profile.mean()
    return scaled


def supply_temperature(settings: HeatSettings, outside: Floats) -> Floats:
    """The network's supply temperature (Cel) for an outside temperature."""
    wanted = settings.supply_base_c + settings.supply_slope * (settings.supply_slope_below_c - outside)
    supply: Floats = np.clip(wanted, settings.supply_base_c, settings.supply_highest_c)
    return supply


class HeatMeters:
    """The family of heat meters. Days must be taken in order, for the registers go on."""

    def __init__(self, settings: DemoSettings, meters: Sequence[Meter], stations: Substations) -> None:
        self._settings = settings.heat
        self._seed = settings.seed
        self._first_day = day_number(settings.installed_on)
        self.meters = meters
        self.stations = stations
        self.devices = tuple(meter.device for meter in meters)
        self._hot_water = hot_water_profile(settings.heat)
        rng = random_stream(settings.seed, "heat")
        self._phase = rng.random(len(self.meters))
        self._energy = self.stations.energy.copy()
        self._volume = self.stations.volume.copy()
        self._serial = np.array([meter.serial for meter in self.meters], dtype=np.int64)
        self._trouble = {
            trouble: np.flatnonzero([meter.trouble is trouble for meter in self.meters]) for trouble in Trouble
        }
        self._leak = self._bypassed()
        self._groups = self._telegrams()

    def operation(self, day: Day, weather: DayWeather) -> Operation:
        """Power, flow and supply temperature of all substations on a day."""
        settings, stations = self._settings, self.stations
        hours = np.array(day.local_hours)
        need = np.maximum(0.0, settings.heating_limit_c - weather.mean_24h)
        need = np.where(np.isin(hours, settings.night_hours), need * (1 - settings.night_setback), need)
        power = stations.loss[:, None] * need + stations.hot_water[:, None] * self._hot_water[hours]
        supply = supply_temperature(settings, weather.temperature)
        flow = power / (settings.heat_capacity * (supply - stations.return_c[:, None])) + self._leak[:, None]
        back = supply - power / (settings.heat_capacity * np.maximum(flow, 1e-9))
        return Operation(supply, power, flow, back)

    def day(self, day: Day, weather: DayWeather, *, payloads: bool) -> Frames:
        """What the meters' modules send on `day`; without `payloads` they are empty and only registers move on."""
        rng = random_stream(self._seed, "heat meters", day.number)
        operation = self.operation(day, weather)
        moving = np.ones(len(self.meters))
        moving[self._trouble[Trouble.STUCK]] = 0.0
        slots = self._settings.uplinks_per_day
        sent_at = self._schedule(day, slots, rng)
        device = np.repeat(np.arange(len(self.meters)), slots)
        content: list[bytes] = []
        self._exchange(day)
        if payloads:
            content = self._payloads(day, sent_at, operation, moving, rng)
        self._energy += operation.power.sum(axis=1) * moving
        self._volume += operation.flow.sum(axis=1) * moving
        return Frames.regular(device, sent_at.ravel(), np.full(len(device), elvaco.F_PORT), content)

    def _bypassed(self) -> Floats:
        """Water (m3/h) that runs past the heat exchanger: half of a cold day's flow, at the faulty ones only."""
        stations = self.stations
        cold_day = (16 * stations.loss + stations.hot_water) / (self._settings.heat_capacity * 44)
        leak = np.zeros(len(self.meters))
        faulty = self._trouble[Trouble.BYPASS]
        leak[faulty] = _BYPASS_SHARE * cold_day[faulty]
        return leak

    def _schedule(self, day: Day, slots: int, rng: np.random.Generator) -> Integers:
        interval = DAY // slots
        phase = (self._phase * (interval - 10 * SECOND)).astype(np.int64)
        jitter = rng.integers(0, SECOND, (len(self.meters), slots))
        return day.start + phase[:, None] + np.arange(slots) * interval + jitter

    def _exchange(self, day: Day) -> None:
        """At the midnight before its exchange day a meter gives way to a new one: new number, registers at zero."""
        age = day.number - self._first_day
        due = np.flatnonzero((self.stations.exchanged_at >= age) & (self.stations.exchanged_at < age + 1))
        self._serial[due] = self.stations.next_serial[due]
        self._energy[due] = 0.0
        self._volume[due] = 0.0

    def _payloads(
        self, day: Day, sent_at: Integers, operation: Operation, moving: Floats, rng: np.random.Generator
    ) -> list[bytes]:
        values = self._registers(day, sent_at, operation, moving, rng)
        silent = self._without_contact(day, sent_at, rng)
        serial = np.repeat(self._serial, sent_at.shape[1])
        errors = np.zeros(len(serial), dtype=np.int64)
        parts: list[bytes] = []
        for telegram, rows in self._groups:
            chosen = (rows[:, None] * sent_at.shape[1] + np.arange(sent_at.shape[1])).ravel()
            content = rows_of(elvaco.encode(telegram, values[chosen], serial[chosen], errors[chosen]))
            for index in np.flatnonzero(silent[chosen]).tolist():
                content[index] = elvaco.without_contact(telegram, content[index])
            parts += content
        return self._in_device_order(parts, sent_at.shape[1])

    def _registers(
        self, day: Day, sent_at: Integers, operation: Operation, moving: Floats, rng: np.random.Generator
    ) -> Floats:
        """Energy, volume, power, flow, supply, return as each meter shows them when its module asks: (frame, 6)."""
        since = (sent_at - day.start) / HOUR
        hour = np.minimum(since.astype(np.int64), 23)
        part = since - hour
        power = np.take_along_axis(operation.power, hour, axis=1)
        flow = np.take_along_axis(operation.flow, hour, axis=1)
        before_power = np.take_along_axis(np.cumsum(operation.power, axis=1) - operation.power, hour, axis=1)
        before_flow = np.take_along_axis(np.cumsum(operation.flow, axis=1) - operation.flow, hour, axis=1)
        energy = self._energy[:, None] + (before_power + power * part) * moving[:, None]
        volume = self._volume[:, None] + (before_flow + flow * part) * moving[:, None]
        swing = np.exp(self._settings.power_noise * rng.standard_normal(power.shape))
        power, flow = power * swing, flow * swing
        supply = operation.supply[hour] - 1.5 * rng.random(power.shape)
        back = np.take_along_axis(operation.back, hour, axis=1)
        reverse = self._trouble[Trouble.REVERSE_FLOW]
        night = np.isin(np.array(day.local_hours)[hour[reverse]], _NIGHT_FLOW_HOURS)
        power[reverse] = np.where(night, 0.0, power[reverse])
        flow[reverse] = np.where(night, _REVERSE_FLOW, flow[reverse])
        back += 0.3 * rng.standard_normal(back.shape)
        return np.stack([column.ravel() for column in (energy, volume, power, flow, supply, back)], axis=1)

    def _without_contact(self, day: Day, sent_at: Integers, rng: np.random.Generator) -> Flags:
        """Frames whose module cannot read its meter: some hours on a bad day."""
        bad = rng.random(len(self.meters)) < self._settings.no_contact_probability
        begins = rng.uniform(0, 20, len(self.meters))[:, None]
        since = (sent_at - day.start) / HOUR
        lost: Flags = (bad[:, None] & (since >= begins) & (since < begins + 4)).ravel()
        return lost

    def _telegrams(self) -> list[tuple[elvaco.Telegram, Integers]]:
        """The meters of each telegram; large buildings behind a CMi4110 count in 0.1 MWh."""
        profile = np.array([device.profile for device in self.devices], dtype=object)
        large = np.array([meter.building == "large" for meter in self.meters], dtype=bool)
        groups = [(elvaco.LARGE_BUILDING, np.flatnonzero((profile == elvaco.LARGE_BUILDING.profile) & large))]
        for telegram in elvaco.TELEGRAMS:
            taken = large & (telegram.profile == elvaco.LARGE_BUILDING.profile)
            groups.append((telegram, np.flatnonzero((profile == telegram.profile) & ~taken)))
        self._order = np.concatenate([rows for _, rows in groups]) if len(profile) else np.zeros(0, dtype=np.int64)
        return groups

    def _in_device_order(self, parts: list[bytes], slots: int) -> list[bytes]:
        ordered = [b""] * len(parts)
        for position, meter in enumerate(self._order.tolist()):
            ordered[meter * slots : (meter + 1) * slots] = parts[position * slots : (position + 1) * slots]
        return ordered
