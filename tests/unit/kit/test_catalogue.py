"""The catalogue: what vectors show is listed, with units; a vector file that cannot be read is told."""

import json

from decoders.registry import Registry
from stadtfunk.kit.catalogue import catalogue

from .devices import WORDS, configured

MOIST = [{"kind": "tree_moisture", "values": {"soil_moisture": 27.0, "soil_temperature": None}}]
VECTORS = [
    {"name": "one", "f_port": 2, "hex": "0a8c00ff0000", "source": "s", "readings": MOIST},
    {"name": "cut", "f_port": 2, "hex": "0a8c", "source": "s", "error": "truncated"},
]


def listed(folder):
    [one] = catalogue(Registry({"words": configured(WORDS, folder)}))
    return one.as_object()


def test_quantities_are_those_that_a_vector_shows(tmp_path):
    (tmp_path / "words.vectors.json").write_text(json.dumps(VECTORS))
    found = listed(tmp_path)
    assert found["quantities"] == {"tree_moisture": {"soil_moisture": "%{vol}"}}
    assert (found["vectors"], found["refused_vectors"], found["ports"]) == (2, 1, [2])
    assert found["origin"] == "configuration"


def test_without_vectors_they_are_all_of_the_kind(tmp_path):
    found = listed(tmp_path)
    assert {"soil_moisture", "soil_temperature", "conductivity"} <= found["quantities"]["tree_moisture"].keys()
    assert found["vectors"] == 0


def test_a_broken_vector_file_is_told(tmp_path):
    (tmp_path / "words.vectors.json").write_text("[")
    assert "words.vectors.json" in listed(tmp_path)["problem"]
