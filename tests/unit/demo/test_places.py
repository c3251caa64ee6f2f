"""The city files: what the demo and every city that copies them rely on."""

import re
from collections import Counter
from importlib.resources import files

import pytest
import yaml

from stadtfunk.demo.places import bays, city_assets, districts, gateways, species, squares
from stadtfunk.demo.settings import WHITE_SPOTS

KINDS = {"tree", "bay", "meter", "gateway", "charging_station"}


def city_file(name: str) -> dict:
    return yaml.safe_load((files("config") / "cities" / name).read_text(encoding="utf-8"))


def test_mainz_has_its_gateways_stations_and_sensored_bays():
    assert Counter(asset.kind for asset in city_assets()) == {"gateway": 22, "charging_station": 21, "bay": 21}


@pytest.mark.parametrize("name", ["mainz.yaml", "example.yaml"])
def test_entries_of_a_city_file_are_complete_and_unique(name):
    city = city_file(name)
    box = city["city"]["bounding_box"]
    keys = [(entry["kind"], entry["key"]) for entry in city["assets"]]
    assert len(set(keys)) == len(keys)
    devices = []
    for entry in city["assets"]:
        assert entry["kind"] in KINDS
        assert entry["name"]
        assert entry["district"]
        assert box["south"] < entry["latitude"] < box["north"]
        assert box["west"] < entry["longitude"] < box["east"]
        devices += [(device["dev_eui"], device["valid_from"]) for device in entry.get("devices", [])]
    assert len(set(devices)) == len(devices)
    assert all(re.fullmatch("[0-9a-f]{16}", dev_eui) for dev_eui, _ in devices)


def test_a_bay_uses_charge_points_of_its_station():
    stations = {asset.key: asset.attributes["evses"] for asset in city_assets() if asset.kind == "charging_station"}
    for bay in bays():
        evses = bay.attributes["evses"]
        assert set(evses) <= set(stations[bay.attributes["station"]])
        assert len(evses) == (2 if bay.attributes["mapping"] == "GROUP" else 1)
    groups = {bay.attributes["station"] for bay in bays() if bay.attributes["mapping"] == "GROUP"}
    assert groups == {"LS09", "LS10"}


def test_bays_of_a_station_stand_six_metres_apart():
    first, second = bays()[:2]
    assert (second.longitude - first.longitude) * 111_320 * 0.643 == pytest.approx(6, abs=0.2)


def test_gateways_can_be_left_out_by_name():
    assert len(gateways(WHITE_SPOTS)) == 18
    with pytest.raises(ValueError, match="Atlantis"):
        gateways(["Atlantis"])


def test_districts_squares_and_species_are_whole():
    assert len(districts()) == 15
    assert sum(district.meter_weight > 0 for district in districts()) == 10
    assert {square.district for square in squares()} <= {district.name for district in districts()}
    assert sum(species().values()) == pytest.approx(1)
    maples = sum(share for name, share in species().items() if name.startswith("Acer"))
    assert maples == pytest.approx(0.323)
