"""The simulated city: its devices and gateways, and what was sent, heard and published on each day.

The city is simulated from its installation on, day by day, whatever day is asked for: the same settings give the same
days in every process, which is how a live stream continues a history.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from stadtfunk.demo.bays import BaySensors
from stadtfunk.demo.clock import Day, day_number, day_of, random_stream
from stadtfunk.demo.deliveries import Deliveries, deliver
from stadtfunk.demo.device import Asset, Device, Frames, Integers
from stadtfunk.demo.heat import HeatMeters
from stadtfunk.demo.meters import connect, meter_assets
from stadtfunk.demo.outages import Outage, Outages, reachable
from stadtfunk.demo.parking import ParkingDay
from stadtfunk.demo.places import bays_in_use, city_assets, gateways
from stadtfunk.demo.planting import install, plant, tree_assets
from stadtfunk.demo.radio import Radio
from stadtfunk.demo.sessions import Sessions, SessionStart
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo.trees import TreeProbes
from stadtfunk.demo.uplinks import CHANNELS_HZ, Headers
from stadtfunk.demo.weather import DayWeather, Weather


@dataclass(slots=True)
class CityDay:
    """One day as it was: what was sent (`frames`, `headers`), what was published (`deliveries`), and what happened."""

    day: Day
    weather: DayWeather
    parking: ParkingDay
    frames: Frames
    headers: Headers
    session_starts: Mapping[int, SessionStart]
    outages: list[Outage]
    deliveries: Deliveries


class _Population:
    """What stands in the city and does not change."""

    def __init__(self, settings: DemoSettings) -> None:
        self.trees = plant(settings)
        self.probes = install(settings, self.trees)
        self.meters, self.stations = connect(settings)
        self.bays = bays_in_use(settings)


class _Families:
    """The three families at one moment of the simulation."""

    def __init__(self, settings: DemoSettings, population: _Population) -> None:
        self.trees = TreeProbes(settings, population.trees, population.probes)
        self.heat = HeatMeters(settings, population.meters, population.stations)
        self.bays = BaySensors(settings, population.bays)
        self.devices = (*self.trees.devices, *self.heat.devices, *self.bays.devices)
        self.offsets = (0, len(self.trees.devices), len(self.trees.devices) + len(self.heat.devices))

    def day(self, day: Day, weather: DayWeather, starts: Mapping[int, SessionStart], *, payloads: bool) -> Frames:
        """What all devices send on `day`."""
        first_bay = self.offsets[-1]
        restarts = {device - first_bay: start.at for device, start in starts.items() if device >= first_bay}
        parts = (
            self.trees.day(day, weather, payloads=payloads),
            self.heat.day(day, weather, payloads=payloads),
            self.bays.day(day, weather, restarts=restarts, payloads=payloads),
        )
        return Frames.join(parts, self.offsets)


@dataclass(slots=True)
class _Sent:
    """What was sent on a day, before the air."""

    weather: DayWeather
    starts: Mapping[int, SessionStart]
    frames: Frames
    f_cnt: Integers
    address: Integers


@dataclass(slots=True)
class _Aired:
    """What became of a part of a day's frames."""

    frames: Frames
    channel: Integers
    deliveries: Deliveries


class _Motion:
    """Everything that changes from day to day; `number` is the next day to come."""

    def __init__(self, settings: DemoSettings, population: _Population) -> None:
        self.number = day_number(settings.installed_on)
        self.families = _Families(settings, population)
        self._sessions = Sessions(settings.faults, settings.seed, self.families.devices)
        self._weather = Weather(settings.weather, settings.seed)

    def advance(self, day: Day, *, payloads: bool) -> _Sent:
        """What is sent on `day`, which must be the next one."""
        weather = self._weather.advance(day)
        starts = self._sessions.starts(day)
        frames = self.families.day(day, weather, starts, payloads=payloads)
        f_cnt, address = self._sessions.number(day, frames, starts)
        self.number += 1
        return _Sent(weather, starts, frames, f_cnt, address)


class DemoCity:
    """The city at rest; `days()` sets it in motion, as often as one likes.

    Attributes:
        devices: all devices in the order of the frames' `device`: trees, meters, bays.
        radio: the links of all devices.
    """

    def __init__(self, settings: DemoSettings) -> None:
        self.settings = settings
        self._population = _Population(settings)
        self.first_day = day_number(settings.installed_on)
        self.gateways = gateways(settings.without_gateways)
        families = _Families(settings, self._population)
        self.devices: tuple[Device, ...] = families.devices
        self._first_bay = families.offsets[-1]
        self.radio = Radio(settings.radio, self.devices, self.gateways, random_stream(settings.seed, "links"))
        self.outages = Outages(settings.faults, settings.seed, len(self.gateways))
        self._known: _Motion | None = None
        self._unchecked = np.array([not device.checks_f_cnt for device in self.devices], dtype=bool)

    def device_profiles(self) -> frozenset[str]:
        """The names of all device profiles; a decoder must know each of them."""
        return frozenset(device.profile for device in self.devices)

    def assets(self) -> list[Asset]:
        """Everything that devices are bound to: the city file's assets and the generated trees and meters."""
        population = self._population
        listed = [asset for asset in city_assets() if asset.kind != "bay" or asset in population.bays]
        trees = tree_assets(self.settings, population.trees, population.probes)
        return [*listed, *trees, *meter_assets(self.settings, population.meters)]

    def days(self, first: int, *, payloads: bool = True) -> Iterator[CityDay]:
        """The days from number `first` on, for ever; `payloads` are left empty where only times are wanted.

        Raises:
            ValueError: the city was not installed yet.
        """
        if first < self.first_day:
            raise ValueError(f"the city was installed on {self.settings.installed_on}; earlier days do not exist")
        motion = self._motion_before(first)
        while True:
            day = day_of(motion.number)
            sent = motion.advance(day, payloads=payloads)
            if not payloads:
                sent.frames.payload = sent.frames.decoded = [b""] * len(sent.frames)
            outages = self.outages.touching(day)
            frames, headers, deliveries = self._air(day, sent, outages)
            yield CityDay(
                day, sent.weather, motion.families.bays.parking, frames, headers, sent.starts, outages, deliveries
            )

    def wind(self, first: int) -> None:
        """Simulate up to the beginning of day number `first` and keep that state: later days are then quick to get."""
        self._known = self._motion_before(first)

    def _motion_before(self, first: int) -> "_Motion":
        """A state of the city of its own at the beginning of a day."""
        known = self._known
        motion = deepcopy(known) if known and known.number <= first else _Motion(self.settings, self._population)
        while motion.number < first:
            motion.advance(day_of(motion.number), payloads=False)
        return motion

    def _air(self, day: Day, sent: "_Sent", outages: list[Outage]) -> tuple[Frames, Headers, Deliveries]:
        """Send the frames of a day through the air and the network.

        The bays draw for themselves: what is staged there changes nothing for trees and meters.
        """
        bays = int(np.searchsorted(sent.frames.device, self._first_bay))
        parts = [
            self._send(sent.frames.rows(rows), outages, random_stream(self.settings.seed, purpose, day.number))
            for rows, purpose in ((slice(0, bays), "air"), (slice(bays, None), "air over the bays"))
        ]
        frames = Frames.join([part.frames for part in parts], (0, 0))
        headers = Headers(
            f_cnt=sent.f_cnt,
            address=sent.address,
            spreading_factor=self.radio.spreading_factor[frames.device],
            channel=np.concatenate([part.channel for part in parts]),
        )
        return frames, headers, Deliveries.join([part.deliveries for part in parts], (0, bays))

    def _send(self, frames: Frames, outages: list[Outage], rng: np.random.Generator) -> "_Aired":
        settings = self.settings
        receptions = self.radio.receive(frames, reachable(outages, frames.sent_at, len(self.gateways)), rng)
        deliveries = deliver(
            frames, receptions, outages, self._unchecked[frames.device], (settings.faults, settings.network), rng
        )
        channel = rng.integers(0, len(CHANNELS_HZ), len(frames))
        self._spoil(frames, rng)
        return _Aired(frames, channel, deliveries)

    def _spoil(self, frames: Frames, rng: np.random.Generator) -> None:
        """Some payloads arrive broken, and some frames carry answers to the network server alone."""
        faults = self.settings.faults
        drawn = rng.random(len(frames))
        garbage = np.flatnonzero(drawn < faults.garbage_probability)
        mac_only = np.flatnonzero(drawn > 1 - faults.mac_only_probability)
        for row in garbage.tolist():
            whole = frames.payload[row]
            frames.payload[row] = rng.bytes(len(whole)) if rng.random() < 0.5 else whole[: len(whole) // 2]
            frames.decoded[row] = b""
        for row in mac_only.tolist():
            frames.payload[row] = frames.decoded[row] = b""
        frames.f_port[mac_only] = 0
