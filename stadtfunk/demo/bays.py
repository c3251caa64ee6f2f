"""Bay sensors: what they send of the cars on the bays, the start-up frames after a restart, and some flapping."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

import numpy as np

from stadtfunk.demo.clock import DAY, MINUTE, SECOND, Day, random_stream
from stadtfunk.demo.device import Application, Asset, Device, Frames
from stadtfunk.demo.parking import Occupancy, ParkingDay
from stadtfunk.demo.payloads import bosch_tps110, nwave_nps405
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo.stage import Stage
from stadtfunk.demo.weather import DayWeather


@dataclass(frozen=True, slots=True)
class Change:
    """From `at` on a bay is occupied or free; `car_loss` is what the car costs the sensor's radio in dB."""

    at: int
    occupied: bool
    car_loss: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """One frame before it becomes bytes."""

    at: int
    port: int
    occupied: bool
    car_loss: float
    previous_minutes: float = 0.0


class BaySensors:
    """The family of bay sensors. Days must be taken in order, for cars stay overnight.

    Attributes:
        parking: what really happened on the day that was taken last.
    """

    def __init__(self, settings: DemoSettings, bays: Sequence[Asset]) -> None:
        self._settings = settings
        self._seed = settings.seed
        self.devices = tuple(bay_device(settings, bay) for bay in bays)
        self.parking = ParkingDay((), ())
        self._stage = Stage(settings.parking, settings.seed, bays, settings.started_at)
        self._changes = [[Change(0, False, 0.0)] for _ in bays]

    def day(self, day: Day, weather: DayWeather, *, restarts: Mapping[int, int], payloads: bool) -> Frames:
        """What the sensors send on `day`; `restarts` gives the time at which a sensor restarts (by bay)."""
        rng = random_stream(self._seed, "bay sensors", day.number)
        self.parking = self._stage.advance(day)
        self._note(self.parking.occupancies, rng)
        rows: list[tuple[int, Sighting]] = []
        for bay in range(len(self.devices)):
            seen = sorted(self._sightings(bay, day, restarts.get(bay), rng), key=attrgetter("at"))
            rows += [(bay, sighting) for sighting in seen]
            self._forget(bay, day)
        frames = Frames(
            device=np.array([bay for bay, _ in rows], dtype=np.int64),
            sent_at=np.array([sighting.at for _, sighting in rows], dtype=np.int64),
            f_port=np.array([sighting.port for _, sighting in rows], dtype=np.int64),
            car_loss=np.array([sighting.car_loss for _, sighting in rows], dtype=np.float64),
            payload=[],
            decoded=[],
        )
        if payloads:
            frames.payload = [self._payload(bay, sighting, day, weather) for bay, sighting in rows]
            frames.decoded = [self._decoded(bay, sighting) for bay, sighting in rows]
        return frames

    def _note(self, occupancies: Sequence[Occupancy], rng: np.random.Generator) -> None:
        """Turn stays into changes of state; each car weakens the radio in its own way."""
        for occupancy in occupancies:
            radio = self._settings.radio
            loss = radio.staged_car_loss_db if occupancy.staged else float(rng.uniform(*radio.car_loss_db))
            changes = self._changes[occupancy.bay]
            changes.append(Change(occupancy.arrived_at, True, loss))
            changes.append(Change(occupancy.left_at, False, 0.0))

    def _forget(self, bay: int, day: Day) -> None:
        """Drop changes before the last one of the day: it is the state with which tomorrow begins."""
        changes = self._changes[bay]
        last = bisect_right(changes, day.end - 1, key=attrgetter("at")) - 1
        del changes[:last]

    def _sightings(self, bay: int, day: Day, restart: int | None, rng: np.random.Generator) -> Iterator[Sighting]:
        changes = self._changes[bay]
        for before, change in pairwise(changes):
            if day.start <= change.at < day.end:
                yield Sighting(
                    change.at,
                    bosch_tps110.STATUS_PORT,
                    change.occupied,
                    change.car_loss,
                    (change.at - before.at) / MINUTE,
                )
        for at in self._heartbeats(bay, day):
            yield self._seen(bay, at, bosch_tps110.HEARTBEAT_PORT)
        if restart is not None:
            yield self._seen(bay, restart, bosch_tps110.STARTUP_PORT)
        yield from self._flapping(bay, day, rng)

    def _heartbeats(self, bay: int, day: Day) -> range:
        """Evenly spread over the bays, so that one of them always speaks soon."""
        interval = self._settings.parking.heartbeat_minutes * MINUTE
        return range(day.start + bay * interval // len(self.devices), day.end, interval)

    def _flapping(self, bay: int, day: Day, rng: np.random.Generator) -> Iterator[Sighting]:
        """Now and then a sensor cannot decide: several changes within minutes, the last one true."""
        settings = self._settings.parking
        begins = rng.random()
        if rng.random() >= settings.flapping_per_bay_day:
            return
        at = day.start + int(begins * (DAY - 10 * MINUTE))
        for number in range(settings.flapping_changes, 0, -1):
            seen = self._seen(bay, at, bosch_tps110.STATUS_PORT)
            yield Sighting(at, seen.port, seen.occupied ^ bool(number % 2 == 0), seen.car_loss)
            at += int(rng.uniform(20, 90) * SECOND)

    def _seen(self, bay: int, at: int, port: int) -> Sighting:
        changes = self._changes[bay]
        state = changes[bisect_right(changes, at, key=attrgetter("at")) - 1]
        return Sighting(at, port, state.occupied, state.car_loss)

    def _payload(self, bay: int, sighting: Sighting, day: Day, weather: DayWeather) -> bytes:
        temperature = float(weather.temperature[min(23, (sighting.at - day.start) * 24 // DAY)])
        occupied = sighting.occupied
        if self.devices[bay].profile == "Bosch TPS110":
            match sighting.port:
                case bosch_tps110.STATUS_PORT:
                    return bosch_tps110.status(occupied=occupied)
                case bosch_tps110.HEARTBEAT_PORT:
                    return bosch_tps110.heartbeat(occupied=occupied, temperature_c=temperature)
            return bosch_tps110.startup(occupied=occupied)
        match sighting.port:
            case nwave_nps405.STATUS_PORT:
                return nwave_nps405.status(occupied=occupied, previous_minutes=sighting.previous_minutes)
            case nwave_nps405.HEARTBEAT_PORT:
                return nwave_nps405.heartbeat(occupied=occupied, temperature_c=temperature, battery_v=3.4)
        return nwave_nps405.startup(occupied=occupied)

    def _decoded(self, bay: int, sighting: Sighting) -> bytes:
        """The network server's own codec knows the status frames of the Bosch sensors."""
        if self.devices[bay].profile != "Bosch TPS110" or sighting.port == bosch_tps110.STARTUP_PORT:
            return b""
        return b'{"occupied":true}' if sighting.occupied else b'{"occupied":false}'


def bay_device(settings: DemoSettings, bay: Asset) -> Device:
    """The sensor on a bay."""
    return Device(
        dev_eui=bay.probes[0].dev_eui,
        name=f"Ladebucht {bay.name}",
        profile=str(bay.attributes["sensor"]),
        application=Application.BAYS,
        latitude=bay.latitude,
        longitude=bay.longitude,
        indoor_loss_db=settings.radio.bay_loss_db,
        tags={"typ": "EV", "bucht": bay.key, "station": str(bay.attributes["station"])},
        first_f_cnt=0,
    )
