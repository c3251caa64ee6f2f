"""What is stored beside what decoding gives now."""

from decoders.readings import QualityFlag, TreeMoisture
from stadtfunk.kit.comparison import Change, compare
from stadtfunk.kit.vectors import uplink

UPLINK = uplink(b"", 1)


def moisture(channel=0, flags=QualityFlag(0), **values):
    return TreeMoisture.of(UPLINK, channel=channel, flags=flags, **values)


def test_the_same_is_no_difference():
    assert compare([moisture(soil_moisture=1.0)], [moisture(soil_moisture=1.0)]) == []


def test_rounding_is_no_difference():
    assert compare([moisture(soil_moisture=0.1 + 0.2)], [moisture(soil_moisture=0.3)]) == []


def test_values_and_flags_that_differ():
    found = compare([moisture(soil_moisture=1.0)], [moisture(soil_moisture=2.0, flags=QualityFlag.CLOCK)])
    assert [(one.field, one.stored, one.now) for one in found] == [
        ("soil_moisture", 1.0, 2.0),
        ("flags", QualityFlag(0), QualityFlag.CLOCK),
    ]
    assert found[0].as_object() == {
        "kind": "tree_moisture",
        "subject": "",
        "channel": 0,
        "observed_at": "2026-03-01T12:00:00+00:00",
        "change": "value",
        "field": "soil_moisture",
        "stored": 1.0,
        "now": 2.0,
    }


def test_readings_that_appear_and_vanish():
    found = compare([moisture(0)], [moisture(1)])
    assert [(one.key.channel, one.change) for one in found] == [(1, Change.APPEARS), (0, Change.VANISHES)]
    assert found[1].as_object()["change"] == "vanishes"
