"""Where things stand: gateways and bays from the city file, districts and squares from `data/`."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from math import cos, pi, radians, sin, sqrt

import numpy as np
import yaml

from stadtfunk.demo.device import Asset, Probe
from stadtfunk.demo.settings import DemoSettings

METRES_PER_DEGREE = 111_320.0


class GatewayClock(StrEnum):
    """What a gateway's time stamps rest on."""

    GPS = "gps"
    NTP = "ntp"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway on its site; `height_m` above ground."""

    gateway_id: str
    name: str
    latitude: float
    longitude: float
    height_m: float
    clock: GatewayClock


@dataclass(frozen=True, slots=True)
class District:
    """A district as a disc; weights say how many trees and meters it has."""

    name: str
    latitude: float
    longitude: float
    radius_m: float
    tree_weight: float
    meter_weight: float
    soils: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Square:
    """A place whose trees carry its name."""

    name: str
    district: str
    latitude: float
    longitude: float


@cache
def city_assets() -> tuple[Asset, ...]:
    """All assets of `config/cities/mainz.yaml`, in its order."""
    text = (files("config") / "cities" / "mainz.yaml").read_text(encoding="utf-8")
    return tuple(_asset(entry) for entry in yaml.safe_load(text)["assets"])


def gateways(without: Sequence[str] = ()) -> tuple[Gateway, ...]:
    """The city's gateways, less those named in `without`.

    Raises:
        ValueError: `without` names a gateway that the city does not have.
    """
    sites = [asset for asset in city_assets() if asset.kind == "gateway"]
    unknown = set(without) - {asset.name for asset in sites}
    if unknown:
        raise ValueError(f"without_gateways: no gateway is called {', '.join(sorted(unknown))}")
    return tuple(_gateway(asset) for asset in sites if asset.name not in without)


def bays() -> tuple[Asset, ...]:
    """The bays with a ground sensor."""
    return tuple(asset for asset in city_assets() if asset.kind == "bay")


def bays_in_use(settings: DemoSettings) -> tuple[Asset, ...]:
    """The bays of a city of this size."""
    most = settings.parking.bays
    return bays()[: min(most, max(1, round(most * settings.scale)))]


@cache
def districts() -> tuple[District, ...]:
    """The districts of `data/districts.csv`."""
    return tuple(
        District(
            name=row["name"],
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            radius_m=float(row["radius_m"]),
            tree_weight=float(row["tree_weight"]),
            meter_weight=float(row["meter_weight"]),
            soils=tuple(row["soils"].split(";")),
        )
        for row in _table("districts.csv")
    )


@cache
def squares() -> tuple[Square, ...]:
    """The squares and parks of `data/squares.csv`."""
    return tuple(
        Square(row["name"], row["district"], float(row["latitude"]), float(row["longitude"]))
        for row in _table("squares.csv")
    )


@cache
def species() -> Mapping[str, float]:
    """Tree species with their share of the city's trees."""
    return {row["species"]: float(row["share"]) for row in _table("species.csv")}


def scatter(rng: np.random.Generator, latitude: float, longitude: float, radius_m: float) -> tuple[float, float]:
    """A uniformly random place in a disc, as latitude and longitude."""
    distance = radius_m * sqrt(rng.random())
    bearing = 2 * pi * rng.random()
    return (
        latitude + distance * cos(bearing) / METRES_PER_DEGREE,
        longitude + distance * sin(bearing) / (METRES_PER_DEGREE * cos(radians(latitude))),
    )


def _table(name: str) -> list[dict[str, str]]:
    text = (files("stadtfunk.demo") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _asset(entry: Mapping[str, object]) -> Asset:
    attributes = entry.get("attributes", {})
    devices = entry.get("devices", [])
    assert isinstance(attributes, Mapping)
    assert isinstance(devices, list)
    return Asset(
        kind=str(entry["kind"]),
        key=str(entry["key"]),
        name=str(entry["name"]),
        district=str(entry["district"]),
        latitude=float(str(entry["latitude"])),
        longitude=float(str(entry["longitude"])),
        attributes=attributes,
        probes=tuple(
            Probe(str(device["dev_eui"]), datetime.fromisoformat(str(device["valid_from"])).date())
            for device in devices
        ),
    )


def _gateway(asset: Asset) -> Gateway:
    return Gateway(
        gateway_id=asset.key,
        name=asset.name,
        latitude=asset.latitude,
        longitude=asset.longitude,
        height_m=float(str(asset.attributes["height_m"])),
        clock=GatewayClock(str(asset.attributes["clock"])),
    )
