"""The trees of the simulated city and the probes in their soil.

As many probes as trees: one tree in six has three of them (30, 60 and 90 cm), half of the trees have one at
30 cm, and the rest has none but stands in the group of a tree that has. So 300 trees make the 300 sensors and
7,200 messages a day of the season that the city counts with, and every sixth tree shows three depths.
"""

from dataclasses import dataclass

import numpy as np

from stadtfunk.demo.clock import random_stream
from stadtfunk.demo.device import Application, Asset, Device, Probe
from stadtfunk.demo.places import District, Square, districts, scatter, species, squares
from stadtfunk.demo.settings import DemoSettings

PROFILES = ("Dragino LSE01", "Milesight EM500-SMTC", "Decentlab DL-TRS12")
"""Device profiles of the probes, in the order in which a family's devices stand."""
_PROFILE_SHARES = (0.4, 0.4, 0.2)
_EUI_PREFIXES = {"Dragino LSE01": "a84041f0", "Milesight EM500-SMTC": "24e12446", "Decentlab DL-TRS12": "70b3d57b"}


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree with its probes; `group` is the key of the sensored tree that speaks for a tree without probes."""

    key: str
    name: str
    district: str
    latitude: float
    longitude: float
    species: str
    standing_year: int
    soil: str
    site: str
    group: str
    profile: str
    depths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SoilProbe:
    """A device in the soil of tree number `tree`; `layer` is 0 for the uppermost depth."""

    device: Device
    tree: int
    layer: int


def plant(settings: DemoSettings) -> tuple[Tree, ...]:
    """All trees; those with probes come first."""
    rng = random_stream(settings.seed, "planting")
    count = round(settings.trees.trees * settings.scale)
    deep = round(count * settings.trees.deep_share)
    with_probe = count - 2 * deep
    trees: list[Tree] = []
    for number in range(count):
        depths = settings.trees.depths_cm if number < deep else settings.trees.depths_cm[:1]
        trees.append(_tree(rng, number, depths if number < with_probe else (), trees[:with_probe]))
    return tuple(trees)


def install(settings: DemoSettings, trees: tuple[Tree, ...]) -> tuple[SoilProbe, ...]:
    """The probes of `trees`, ordered by device profile."""
    rng = random_stream(settings.seed, "probes")
    wanted = [
        (PROFILES.index(tree.profile), index, layer)
        for index, tree in enumerate(trees)
        for layer in range(len(tree.depths))
    ]
    return tuple(
        SoilProbe(_device(settings, trees[index], layer, serial, rng), index, layer)
        for serial, (_, index, layer) in enumerate(sorted(wanted), start=1)
    )


def tree_assets(settings: DemoSettings, trees: tuple[Tree, ...], probes: tuple[SoilProbe, ...]) -> list[Asset]:
    """The trees as assets, bound to their probes."""
    bound: dict[int, list[Probe]] = {}
    for probe in probes:
        depth = trees[probe.tree].depths[probe.layer]
        bound.setdefault(probe.tree, []).append(Probe(probe.device.dev_eui, settings.installed_on, depth))
    return [
        Asset(
            kind="tree",
            key=tree.key,
            name=tree.name,
            district=tree.district,
            latitude=tree.latitude,
            longitude=tree.longitude,
            attributes={
                "species": tree.species,
                "standing_year": tree.standing_year,
                "soil": tree.soil,
                "site": tree.site,
                "group": tree.group,
                "depths_cm": {probe.dev_eui: probe.depth_cm for probe in bound.get(index, [])},
            },
            probes=tuple(bound.get(index, [])),
        )
        for index, tree in enumerate(trees)
    ]


def _tree(rng: np.random.Generator, number: int, depths: tuple[int, ...], sensored: list[Tree]) -> Tree:
    kinds = species()
    shares = np.array(list(kinds.values()))
    places = districts()
    weights = np.array([place.tree_weight for place in places])
    district = places[int(rng.choice(len(places), p=weights / weights.sum()))]
    street, latitude, longitude = _stand(rng, district)
    key = f"MZ-B-{number + 1:05d}"
    group = key if depths or not sensored else sensored[int(rng.integers(len(sensored)))].key
    return Tree(
        key=key,
        name=f"{street}, Baum {number + 1}",
        district=district.name,
        latitude=latitude,
        longitude=longitude,
        species=list(kinds)[int(rng.choice(len(kinds), p=shares / shares.sum()))],
        standing_year=int(rng.integers(1, 15)),
        soil=str(rng.choice(district.soils)),
        site=str(rng.choice(("sonnig", "halbschattig", "schattig"))),
        group=group,
        profile=str(rng.choice(PROFILES, p=_PROFILE_SHARES)),
        depths=depths,
    )


def _stand(rng: np.random.Generator, district: District) -> tuple[str, float, float]:
    """Street name and place: every second tree of a district with squares stands on one of them."""
    near: list[Square] = [square for square in squares() if square.district == district.name]
    if near and rng.random() < 0.5:
        square = near[int(rng.integers(len(near)))]
        return square.name, *scatter(rng, square.latitude, square.longitude, 60.0)
    return district.name, *scatter(rng, district.latitude, district.longitude, district.radius_m)


def _device(settings: DemoSettings, tree: Tree, layer: int, serial: int, rng: np.random.Generator) -> Device:
    depth = tree.depths[layer]
    return Device(
        dev_eui=f"{_EUI_PREFIXES[tree.profile]}{serial:08x}",
        name=f"{tree.name}, {depth} cm",
        profile=tree.profile,
        application=Application.TREES,
        latitude=tree.latitude,
        longitude=tree.longitude,
        indoor_loss_db=settings.radio.tree_loss_db,
        tags={"baum_nr": tree.key, "art": tree.species, "stadtteil": tree.district, "tiefe_cm": str(depth)},
        first_f_cnt=int(rng.integers(0, 20_000)),
        checks_f_cnt=bool(rng.random() >= settings.faults.abp_share),
    )
