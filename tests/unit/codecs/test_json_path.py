"""Paths into results: what they find, what they are not."""

import pytest

from decoders.json_path import MISSING, JsonPath

RESULT = {
    "soil": {"moisture": 31.4, "Water Content": 1},
    "probes": [{"value": 1}, {"value": 2}],
    "groups": [{"samples": [1, 2]}, {"samples": [3]}, {"samples": "none"}],
    "a.b": {"0": "zero"},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("soil.moisture", 31.4),
        ("soil.Water Content", 1),
        ("probes[1].value", 2),
        ("probes[-1].value", 2),
        ('["a.b"].0', "zero"),
        ("['a.b']['0']", "zero"),
        ("$.soil.moisture", 31.4),
        ("nothing", None),
    ],
)
def test_a_path_leads_to_its_value(path, found):
    assert JsonPath.parse(path).find(RESULT) == found


@pytest.mark.parametrize("path", ["soil.ph", "soil.moisture.deep", "probes[2].value", "probes.value", "probes[-3]"])
def test_what_is_not_there_is_missing(path):
    assert JsonPath.parse(path).find(RESULT) is MISSING


def test_the_whole_result_is_a_path():
    assert JsonPath.parse("$").find(RESULT) is RESULT


@pytest.mark.parametrize(
    ("path", "elements"),
    [
        ("probes", RESULT["probes"]),
        ("probes[*]", RESULT["probes"]),
        ("probes[*].value[*]", []),
        ("groups[*].samples", [1, 2, 3]),
        ("soil", []),
        ("nowhere", []),
    ],
)
def test_elements_of_lists(path, elements):
    assert list(JsonPath.parse(path).elements(RESULT)) == elements


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[1", "a]", "a[1]b", "[*", '["a]', "$a.b.", "$..a", "x" * 201]
)
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match="expected a path"):
        JsonPath.parse(text)


def test_only_a_path_without_a_star_leads_to_one_value():
    assert JsonPath.parse("a[0].b").single
    assert not JsonPath.parse("a[*].b").single
