"""The normalised vocabulary of The Things Stack maps by itself."""

from datetime import timedelta

import pytest

from decoders.javascript import CodecResult
from decoders.reader import ByteReader
from tests.unit.codecs.paper import AT, uplink, vendor_codec

SOIL = {
    "soil": {"moisture": 31.4, "temperature": 12.5, "ec": 0.346, "pH": 7},
    "air": {"temperature": 18},
    "battery": 3.6,
}


def read(result):
    return vendor_codec().understand(result, uplink(1), ByteReader(b""))


@pytest.mark.parametrize("result", [CodecResult(SOIL), CodecResult({"raw": 1}, normalized=(SOIL,))])
def test_data_and_the_normalisers_output(result):
    soil, health = read(result)
    assert (soil.kind, soil.soil_moisture, soil.soil_temperature, soil.conductivity) == (
        "tree_moisture",
        31.4,
        12.5,
        346,
    )
    assert (soil.air_temperature, soil.channel, soil.observed_at) == (18, 0, AT)
    assert (health.kind, health.battery_voltage) == ("device_health", 3.6)


def test_probes_of_one_time_are_channels_by_their_depth():
    deep, shallow = {"soil": {"depth": 60, "moisture": 2}}, {"soil": {"depth": 10, "moisture": 1}}
    found = read(CodecResult({}, normalized=({"battery": 3.3}, deep, shallow)))
    assert [(one.kind, one.channel) for one in found] == [
        ("tree_moisture", 0),
        ("tree_moisture", 1),
        ("device_health", 0),
    ]
    assert [one.soil_moisture for one in found[:2]] == [1, 2]


def test_measurements_of_different_times_are_one_channel():
    earlier = (AT - timedelta(hours=1)).isoformat()
    found = read(CodecResult([{"time": earlier, "soil": {"moisture": 1}}, {"soil": {"moisture": 2}}]))
    assert [(one.channel, one.observed_at) for one in found] == [(0, AT - timedelta(hours=1)), (0, AT)]


def test_wrong_types_and_foreign_fields_cost_nothing_but_themselves():
    found = read(CodecResult({"soil": {"moisture": "wet", "temperature": 3}, "custom": [1], "battery": 3}))
    assert [one.kind for one in found] == ["tree_moisture", "device_health"]
    assert (found[0].soil_moisture, found[0].soil_temperature) == (None, 3)


def test_air_without_soil_is_no_tree():
    assert [one.kind for one in read(CodecResult({"air": {"temperature": 3}, "battery": 3}))] == ["device_health"]
