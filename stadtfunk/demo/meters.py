"""The heat meters of the simulated city: buildings, substations, and what is wrong with some of them."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stadtfunk.demo.clock import random_stream
from stadtfunk.demo.device import Application, Asset, Device, Floats, Integers, Probe
from stadtfunk.demo.payloads.elvaco_cmi41xx import TELEGRAMS
from stadtfunk.demo.places import districts, scatter
from stadtfunk.demo.settings import DemoSettings, HeatSettings

_PROFILE_SHARES = (0.55, 0.15, 0.10, 0.08, 0.12)
_DAYS_PER_MONTH = 365.25 / 12


class Trouble(StrEnum):
    """What is permanently wrong with a substation or meter."""

    NONE = "none"
    HIGH_RETURN = "high return temperature"
    BYPASS = "bypass"
    REVERSE_FLOW = "reverse flow"
    STUCK = "stuck counter"


@dataclass(frozen=True, slots=True)
class Meter:
    """One heat meter in its building. `serial` is the fabrication number at the start of the simulation."""

    device: Device
    building: str
    district: str
    serial: int
    trouble: Trouble


@dataclass(slots=True)
class Substations:
    """The buildings' numbers, one row per meter.

    Attributes:
        loss: kW per kelvin below the heating limit.
        hot_water: mean kW.
        return_c: return temperature.
        energy, volume: register readings (kWh, m3) at the start of the simulation.
        exchanged_at: days after the start at which the meter is exchanged; infinity for never.
    """

    loss: Floats
    hot_water: Floats
    return_c: Floats
    energy: Floats
    volume: Floats
    exchanged_at: Floats
    next_serial: Integers


def connect(settings: DemoSettings) -> tuple[tuple[Meter, ...], Substations]:
    """All meters, ordered by device profile, with their buildings' numbers."""
    rng = random_stream(settings.seed, "meters")
    count = round(settings.heat.meters * settings.scale)
    profiles = np.sort(rng.choice(len(TELEGRAMS), count, p=_PROFILE_SHARES))
    kinds = list(settings.heat.buildings)
    shares = [building.share for building in settings.heat.buildings.values()]
    buildings = [kinds[index] for index in rng.choice(len(kinds), count, p=shares).tolist()]
    troubles = _troubles(settings.heat, count, rng)
    serials = rng.choice(20_000_000, 2 * count, replace=False) + 60_000_000
    meters = tuple(
        _meter(settings, number, int(profiles[number]), buildings[number], int(serials[number]), troubles[number], rng)
        for number in range(count)
    )
    return meters, _substations(settings, buildings, troubles, serials[count:], rng)


def meter_assets(settings: DemoSettings, meters: tuple[Meter, ...]) -> list[Asset]:
    """The meters as assets, bound to their modules; no address, no person."""
    return [
        Asset(
            kind="meter",
            key=meter.device.tags["liegenschaft"],
            name=meter.device.name,
            district=meter.district,
            latitude=meter.device.latitude,
            longitude=meter.device.longitude,
            attributes={"building": meter.building, "module": meter.device.profile},
            probes=(Probe(meter.device.dev_eui, settings.installed_on),),
        )
        for meter in meters
    ]


def _meter(
    settings: DemoSettings,
    number: int,
    profile: int,
    building: str,
    serial: int,
    trouble: Trouble,
    rng: np.random.Generator,
) -> Meter:
    places = districts()
    weights = np.array([place.meter_weight for place in places])
    district = places[int(rng.choice(len(places), p=weights / weights.sum()))]
    latitude, longitude = scatter(rng, district.latitude, district.longitude, district.radius_m)
    key = f"FW-{number + 1:05d}"
    device = Device(
        dev_eui=f"94193a02{number + 1:08x}",
        name=f"WMZ {district.name} {key}",
        profile=TELEGRAMS[profile].profile,
        application=Application.HEAT,
        latitude=latitude,
        longitude=longitude,
        indoor_loss_db=float(rng.choice(settings.radio.meter_losses_db)),
        tags={"liegenschaft": key, "stadtteil": district.name},
        first_f_cnt=int(rng.integers(0, 70_000)),
        confirmed=bool(rng.random() < settings.network.confirmed_share),
    )
    return Meter(device, building, district.name, serial, trouble)


def _troubles(heat: HeatSettings, count: int, rng: np.random.Generator) -> list[Trouble]:
    shares = {
        Trouble.HIGH_RETURN: heat.high_return_share,
        Trouble.BYPASS: heat.bypass_share,
        Trouble.REVERSE_FLOW: heat.reverse_share,
        Trouble.STUCK: heat.stuck_share,
    }
    kinds = [Trouble.NONE, *shares]
    drawn = rng.choice(len(kinds), count, p=[1 - sum(shares.values()), *shares.values()])
    return [kinds[index] for index in drawn.tolist()]


def _substations(
    settings: DemoSettings, buildings: list[str], troubles: list[Trouble], serials: Integers, rng: np.random.Generator
) -> Substations:
    heat = settings.heat
    count = len(buildings)
    size = np.exp(rng.normal(0, heat.size_spread, count))
    loss = np.array([heat.buildings[name].loss_kw_per_k for name in buildings]) * size
    hot_water = np.array([heat.buildings[name].hot_water_kw for name in buildings]) * size
    return_c = rng.uniform(*heat.return_c, count)
    return_c += heat.high_return_k * np.array([trouble is Trouble.HIGH_RETURN for trouble in troubles], dtype=float)
    years = rng.uniform(0.1, 9.0, count)
    energy = years * (loss * 2200 * 24 / 16 + hot_water * 8766)
    return Substations(
        loss=loss,
        hot_water=hot_water,
        return_c=return_c,
        energy=np.floor(energy),
        volume=np.round(energy / (heat.heat_capacity * (85 - return_c)), 2),
        exchanged_at=rng.exponential(_DAYS_PER_MONTH / max(heat.exchanges_per_meter_month, 1e-9), count),
        next_serial=serials,
    )
